"""Names of fields and models are written out, to be translated; the database stays as it is."""

import django.db.models.deletion
import otms.db.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', '0028_found_by_remote_id'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='alert',
            options={'verbose_name': 'alert', 'verbose_name_plural': 'alerts'},
        ),
        migrations.AlterModelOptions(
            name='alertrecipient',
            options={'verbose_name': 'alert recipient', 'verbose_name_plural': 'alert recipients'},
        ),
        migrations.AlterModelOptions(
            name='appinstallation',
            options={'verbose_name': 'app', 'verbose_name_plural': 'apps'},
        ),
        migrations.AlterModelOptions(
            name='datasource',
            options={'ordering': ['position', 'created_at', 'id'], 'verbose_name': 'data source', 'verbose_name_plural': 'data sources'},
        ),
        migrations.AlterModelOptions(
            name='email',
            options={'verbose_name': 'e-mail', 'verbose_name_plural': 'e-mails'},
        ),
        migrations.AlterModelOptions(
            name='file',
            options={'verbose_name': 'file', 'verbose_name_plural': 'files'},
        ),
        migrations.AlterModelOptions(
            name='integration',
            options={'verbose_name': 'integration', 'verbose_name_plural': 'integrations'},
        ),
        migrations.AlterModelOptions(
            name='integrationobject',
            options={'verbose_name': 'integration object', 'verbose_name_plural': 'queue'},
        ),
        migrations.AlterModelOptions(
            name='log',
            options={'verbose_name': 'log', 'verbose_name_plural': 'logs'},
        ),
        migrations.AlterModelOptions(
            name='messageautomation',
            options={'verbose_name': 'message automation', 'verbose_name_plural': 'message automations'},
        ),
        migrations.AlterModelOptions(
            name='messagetemplate',
            options={'verbose_name': 'message template', 'verbose_name_plural': 'message templates'},
        ),
        migrations.AlterModelOptions(
            name='requestlog',
            options={'verbose_name': 'request log', 'verbose_name_plural': 'request logs'},
        ),
        migrations.AlterModelOptions(
            name='task',
            options={'verbose_name': 'task', 'verbose_name_plural': 'tasks'},
        ),
        migrations.AlterField(
            model_name='alert',
            name='created_at',
            field=models.DateTimeField(auto_now_add=True, verbose_name='created at'),
        ),
        migrations.AlterField(
            model_name='alert',
            name='integration',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='alerts', to='integrations.integration', verbose_name='integration'),
        ),
        migrations.AlterField(
            model_name='alert',
            name='kind',
            field=models.CharField(choices=[('trouble', 'Trouble'), ('recovered', 'Recovered'), ('suspended', 'Suspended')], max_length=10, verbose_name='kind'),
        ),
        migrations.AlterField(
            model_name='alert',
            name='message',
            field=models.TextField(blank=True, verbose_name='message'),
        ),
        migrations.AlterField(
            model_name='alertrecipient',
            name='created_at',
            field=models.DateTimeField(auto_now_add=True, verbose_name='created at'),
        ),
        migrations.AlterField(
            model_name='alertrecipient',
            name='enabled',
            field=models.BooleanField(default=True, verbose_name='enabled'),
        ),
        migrations.AlterField(
            model_name='alertrecipient',
            name='integration',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='alert_recipients', to='integrations.integration', verbose_name='integration'),
        ),
        migrations.AlterField(
            model_name='alertrecipient',
            name='name',
            field=models.CharField(blank=True, max_length=200, verbose_name='name'),
        ),
        migrations.AlterField(
            model_name='appaccesstoken',
            name='created_at',
            field=models.DateTimeField(auto_now_add=True, verbose_name='created at'),
        ),
        migrations.AlterField(
            model_name='appinstallation',
            name='created_at',
            field=models.DateTimeField(auto_now_add=True, verbose_name='created at'),
        ),
        migrations.AlterField(
            model_name='appinstallation',
            name='installed_by',
            field=models.CharField(blank=True, editable=False, max_length=200, verbose_name='installed by'),
        ),
        migrations.AlterField(
            model_name='appinstallation',
            name='message',
            field=models.TextField(blank=True, editable=False, verbose_name='message'),
        ),
        migrations.AlterField(
            model_name='appinstallation',
            name='name',
            field=models.CharField(max_length=200, verbose_name='name'),
        ),
        migrations.AlterField(
            model_name='appinstallation',
            name='status',
            field=models.CharField(choices=[('INSTALLING', 'Installing'), ('ACTIVE', 'Active'), ('UNINSTALLED', 'Uninstalled')], default='INSTALLING', editable=False, max_length=20, verbose_name='status'),
        ),
        migrations.AlterField(
            model_name='credential',
            name='created_at',
            field=models.DateTimeField(auto_now_add=True, verbose_name='created at'),
        ),
        migrations.AlterField(
            model_name='datasource',
            name='connector',
            field=models.CharField(default='webhook', max_length=60, verbose_name='connector'),
        ),
        migrations.AlterField(
            model_name='datasource',
            name='created_at',
            field=models.DateTimeField(auto_now_add=True, verbose_name='created at'),
        ),
        migrations.AlterField(
            model_name='datasource',
            name='filters',
            field=otms.db.fields.DocumentField(blank=True, null=True, verbose_name='filters'),
        ),
        migrations.AlterField(
            model_name='datasource',
            name='mapping',
            field=otms.db.fields.DocumentField(blank=True, null=True, verbose_name='mapping'),
        ),
        migrations.AlterField(
            model_name='datasource',
            name='name',
            field=models.CharField(blank=True, max_length=200, verbose_name='name'),
        ),
        migrations.AlterField(
            model_name='datasource',
            name='remember',
            field=models.CharField(blank=True, db_default='', default='', max_length=512, verbose_name='remember'),
        ),
        migrations.AlterField(
            model_name='datasource',
            name='success',
            field=otms.db.fields.DocumentField(blank=True, null=True, verbose_name='success'),
        ),
        migrations.AlterField(
            model_name='datasource',
            name='use',
            field=models.CharField(choices=[('deliver', 'Deliver'), ('enrich', 'Enrich: its answer is at $.steps.<name> for the steps behind it')], default='deliver', max_length=10, verbose_name='use'),
        ),
        migrations.AlterField(
            model_name='email',
            name='created_at',
            field=models.DateTimeField(auto_now_add=True, verbose_name='created at'),
        ),
        migrations.AlterField(
            model_name='email',
            name='integration',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='emails', to='integrations.integration', verbose_name='integration'),
        ),
        migrations.AlterField(
            model_name='email',
            name='status',
            field=models.CharField(choices=[('created', 'Created'), ('draft', 'Draft'), ('review', 'Review'), ('ignored', 'Ignored')], default='review', max_length=10, verbose_name='status'),
        ),
        migrations.AlterField(
            model_name='erasurerequest',
            name='created_at',
            field=models.DateTimeField(auto_now_add=True, verbose_name='created at'),
        ),
        migrations.AlterField(
            model_name='file',
            name='created_at',
            field=models.DateTimeField(auto_now_add=True, verbose_name='created at'),
        ),
        migrations.AlterField(
            model_name='file',
            name='encoding',
            field=models.CharField(blank=True, max_length=20, verbose_name='encoding'),
        ),
        migrations.AlterField(
            model_name='file',
            name='format',
            field=models.CharField(max_length=20, verbose_name='format'),
        ),
        migrations.AlterField(
            model_name='file',
            name='integration',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='files', to='integrations.integration', verbose_name='integration'),
        ),
        migrations.AlterField(
            model_name='file',
            name='original_name',
            field=models.CharField(max_length=255, verbose_name='original name'),
        ),
        migrations.AlterField(
            model_name='file',
            name='purpose',
            field=models.CharField(blank=True, max_length=60, verbose_name='purpose'),
        ),
        migrations.AlterField(
            model_name='file',
            name='uploaded_by',
            field=models.CharField(blank=True, max_length=200, verbose_name='uploaded by'),
        ),
        migrations.AlterField(
            model_name='integration',
            name='created_at',
            field=models.DateTimeField(auto_now_add=True, verbose_name='created at'),
        ),
        migrations.AlterField(
            model_name='integration',
            name='delivery',
            field=otms.db.fields.DocumentField(blank=True, default=dict, verbose_name='delivery'),
        ),
        migrations.AlterField(
            model_name='integration',
            name='description',
            field=models.TextField(blank=True, verbose_name='description'),
        ),
        migrations.AlterField(
            model_name='integration',
            name='enabled',
            field=models.BooleanField(default=True, verbose_name='enabled'),
        ),
        migrations.AlterField(
            model_name='integration',
            name='filters',
            field=otms.db.fields.DocumentField(blank=True, default=list, verbose_name='filters'),
        ),
        migrations.AlterField(
            model_name='integration',
            name='inbound',
            field=otms.db.fields.DocumentField(blank=True, null=True, verbose_name='inbound'),
        ),
        migrations.AlterField(
            model_name='integration',
            name='name',
            field=models.CharField(max_length=200, verbose_name='name'),
        ),
        migrations.AlterField(
            model_name='integration',
            name='redact',
            field=otms.db.fields.DocumentField(blank=True, default=list, verbose_name='redact'),
        ),
        migrations.AlterField(
            model_name='integration',
            name='schedule',
            field=otms.db.fields.DocumentField(blank=True, null=True, verbose_name='schedule'),
        ),
        migrations.AlterField(
            model_name='integration',
            name='type',
            field=models.CharField(choices=[('configured', 'Configured'), ('manual', 'Manual'), ('fileTemplate', 'file template'), ('messageAutomation', 'message automation'), ('apiAccess', 'API access')], default='configured', max_length=30, verbose_name='type'),
        ),
        migrations.AlterField(
            model_name='integrationobject',
            name='created_at',
            field=models.DateTimeField(auto_now_add=True, verbose_name='created at'),
        ),
        migrations.AlterField(
            model_name='integrationobject',
            name='integration',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='queue', to='integrations.integration', verbose_name='integration'),
        ),
        migrations.AlterField(
            model_name='integrationobject',
            name='status',
            field=models.CharField(choices=[('QUEUE', 'Queue'), ('RETRY', 'Retry'), ('SUCCESS', 'Success'), ('ERROR', 'Error'), ('SKIPPED', 'Skipped'), ('CANCELLED', 'Cancelled')], default='QUEUE', max_length=10, verbose_name='status'),
        ),
        migrations.AlterField(
            model_name='log',
            name='code',
            field=models.CharField(max_length=60, verbose_name='code'),
        ),
        migrations.AlterField(
            model_name='log',
            name='created_at',
            field=models.DateTimeField(auto_now_add=True, verbose_name='created at'),
        ),
        migrations.AlterField(
            model_name='log',
            name='integration',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='integrations.integration', verbose_name='integration'),
        ),
        migrations.AlterField(
            model_name='log',
            name='level',
            field=models.CharField(choices=[('debug', 'Debug'), ('info', 'Info'), ('warning', 'Warning'), ('error', 'Error')], max_length=10, verbose_name='level'),
        ),
        migrations.AlterField(
            model_name='log',
            name='message',
            field=models.TextField(verbose_name='message'),
        ),
        migrations.AlterField(
            model_name='messageautomation',
            name='recipients',
            field=otms.db.fields.DocumentField(blank=True, null=True, verbose_name='recipients'),
        ),
        migrations.AlterField(
            model_name='messageautomation',
            name='template',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='automations', to='integrations.messagetemplate', verbose_name='template'),
        ),
        migrations.AlterField(
            model_name='messageautomation',
            name='trigger',
            field=models.CharField(blank=True, max_length=200, verbose_name='trigger'),
        ),
        migrations.AlterField(
            model_name='messagetemplate',
            name='body',
            field=models.TextField(verbose_name='body'),
        ),
        migrations.AlterField(
            model_name='messagetemplate',
            name='created_at',
            field=models.DateTimeField(auto_now_add=True, verbose_name='created at'),
        ),
        migrations.AlterField(
            model_name='messagetemplate',
            name='name',
            field=models.CharField(max_length=200, verbose_name='name'),
        ),
        migrations.AlterField(
            model_name='messagetemplate',
            name='subject',
            field=models.CharField(max_length=500, verbose_name='subject'),
        ),
        migrations.AlterField(
            model_name='replay',
            name='created_at',
            field=models.DateTimeField(auto_now_add=True, verbose_name='created at'),
        ),
        migrations.AlterField(
            model_name='requestlog',
            name='attempt',
            field=models.PositiveIntegerField(verbose_name='attempt'),
        ),
        migrations.AlterField(
            model_name='requestlog',
            name='created_at',
            field=models.DateTimeField(auto_now_add=True, verbose_name='created at'),
        ),
        migrations.AlterField(
            model_name='requestlog',
            name='integration',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='integrations.integration', verbose_name='integration'),
        ),
        migrations.AlterField(
            model_name='requestlog',
            name='test',
            field=models.BooleanField(default=False, verbose_name='test'),
        ),
        migrations.AlterField(
            model_name='task',
            name='created_at',
            field=models.DateTimeField(auto_now_add=True, verbose_name='created at'),
        ),
        migrations.AlterField(
            model_name='task',
            name='integration',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='tasks', to='integrations.integration', verbose_name='integration'),
        ),
        migrations.AlterField(
            model_name='task',
            name='kind',
            field=models.CharField(choices=[('import', 'Import'), ('replay', 'Replay'), ('pickup', 'Pickup'), ('export', 'Export'), ('scheduled', 'Scheduled'), ('erase', 'Erase')], max_length=20, verbose_name='kind'),
        ),
        migrations.AlterField(
            model_name='task',
            name='started_by',
            field=models.CharField(blank=True, max_length=200, verbose_name='started by'),
        ),
        migrations.AlterField(
            model_name='task',
            name='status',
            field=models.CharField(choices=[('QUEUED', 'Queued'), ('RUNNING', 'Running'), ('DONE', 'Done'), ('FAILED', 'Failed'), ('STOPPED', 'Stopped')], default='QUEUED', max_length=10, verbose_name='status'),
        ),
    ]
