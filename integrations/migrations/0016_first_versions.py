from django.db import migrations


def keep_what_there_is(apps, schema_editor):
    """What begins now is retried with the mapping of now."""
    Version = apps.get_model("integrations", "IntegrationVersion")
    for each in apps.get_model("integrations", "Integration").objects.all():
        sources = each.data_sources.all()
        Version.objects.create(
            platform_id=each.platform_id,
            integration=each,
            number=each.version,
            filters=each.filters or [],
            mappings={str(source.pk): source.mapping for source in sources},
        )


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', '0015_step_by_its_source'),
    ]

    operations = [
        migrations.RunPython(keep_what_there_is, migrations.RunPython.noop),
    ]
