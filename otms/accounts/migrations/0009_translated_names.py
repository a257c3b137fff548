"""Names of fields and models are written out, to be translated; the database stays as it is."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0008_audit_names_no_record'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='personaltoken',
            options={'verbose_name': 'personal token', 'verbose_name_plural': 'personal tokens'},
        ),
        migrations.AlterModelOptions(
            name='session',
            options={'verbose_name': 'session', 'verbose_name_plural': 'sessions'},
        ),
        migrations.AlterField(
            model_name='auditentry',
            name='actor_kind',
            field=models.CharField(choices=[('person', 'Person'), ('integration', 'Integration'), ('app', 'App'), ('command', 'Command'), ('system', 'System'), ('nobody', 'Nobody')], max_length=12, verbose_name='actor kind'),
        ),
        migrations.AlterField(
            model_name='auditentry',
            name='address',
            field=models.GenericIPAddressField(null=True, verbose_name='address'),
        ),
        migrations.AlterField(
            model_name='auditentry',
            name='created_at',
            field=models.DateTimeField(auto_now_add=True, verbose_name='created at'),
        ),
        migrations.AlterField(
            model_name='auditentry',
            name='means',
            field=models.CharField(blank=True, max_length=200, verbose_name='means'),
        ),
        migrations.AlterField(
            model_name='auditentry',
            name='note',
            field=models.CharField(blank=True, max_length=500, verbose_name='note'),
        ),
        migrations.AlterField(
            model_name='auditentry',
            name='request_id',
            field=models.CharField(blank=True, max_length=128, verbose_name='request id'),
        ),
        migrations.AlterField(
            model_name='personaltoken',
            name='created_at',
            field=models.DateTimeField(auto_now_add=True, verbose_name='created at'),
        ),
        migrations.AlterField(
            model_name='personaltoken',
            name='name',
            field=models.CharField(max_length=200, verbose_name='name'),
        ),
        migrations.AlterField(
            model_name='personaltoken',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tokens', to=settings.AUTH_USER_MODEL, verbose_name='user'),
        ),
        migrations.AlterField(
            model_name='secondfactor',
            name='created_at',
            field=models.DateTimeField(auto_now_add=True, verbose_name='created at'),
        ),
        migrations.AlterField(
            model_name='session',
            name='created_at',
            field=models.DateTimeField(auto_now_add=True, verbose_name='created at'),
        ),
        migrations.AlterField(
            model_name='session',
            name='device',
            field=models.CharField(blank=True, editable=False, max_length=300, verbose_name='device'),
        ),
        migrations.AlterField(
            model_name='session',
            name='kind',
            field=models.CharField(choices=[('api', 'API'), ('admin', 'admin')], default='api', editable=False, max_length=8, verbose_name='kind'),
        ),
        migrations.AlterField(
            model_name='session',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='sessions', to=settings.AUTH_USER_MODEL, verbose_name='user'),
        ),
    ]
