"""The kinds of sessions are spelled as people read them; the database stays as it is."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0006_one_name_in_any_case'),
    ]

    operations = [
        migrations.AlterField(
            model_name='session',
            name='kind',
            field=models.CharField(choices=[('api', 'API'), ('admin', 'admin')], default='api', editable=False, max_length=8, verbose_name='kind'),
        ),
    ]
