from django.db import migrations

WRITTEN = ("transportOrder", "consignment", "goods", "business", "event", "integrationObject")


def forget_names(apps, schema_editor):
    """What people call a record may be somebody's name, and the trail is kept for good."""
    entries = apps.get_model("accounts", "AuditEntry").objects.filter(entity__in=WRITTEN)
    entries.exclude(entity_name="").update(entity_name="")
    # "Changed Name for consignment “Ann Smith's sofa”."
    named = entries.filter(note__contains="“").values_list("pk", "note")
    for pk, note in named.iterator():
        entries.filter(pk=pk).update(note=note.partition(" “")[0] + ".")


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0007_kind_of_session_in_words"),
    ]

    operations = [
        migrations.RunPython(forget_names, migrations.RunPython.noop),
    ]
