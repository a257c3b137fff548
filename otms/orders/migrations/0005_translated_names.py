"""Names of fields and models are written out, to be translated; the database stays as it is."""

import django.db.models.deletion
import otms.db.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0004_event_by_name'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='business',
            options={'verbose_name': 'business', 'verbose_name_plural': 'businesses'},
        ),
        migrations.AlterModelOptions(
            name='consignment',
            options={'ordering': ['position', 'created_at', 'id'], 'verbose_name': 'consignment', 'verbose_name_plural': 'consignments'},
        ),
        migrations.AlterModelOptions(
            name='event',
            options={'verbose_name': 'event', 'verbose_name_plural': 'events'},
        ),
        migrations.AlterModelOptions(
            name='goods',
            options={'ordering': ['position', 'created_at', 'id'], 'verbose_name': 'goods', 'verbose_name_plural': 'goods'},
        ),
        migrations.AlterModelOptions(
            name='transportorder',
            options={'verbose_name': 'transport order', 'verbose_name_plural': 'transport orders'},
        ),
        migrations.AlterField(
            model_name='business',
            name='alias',
            field=models.CharField(blank=True, max_length=255, verbose_name='alias'),
        ),
        migrations.AlterField(
            model_name='business',
            name='banners',
            field=otms.db.fields.DocumentField(blank=True, null=True, verbose_name='banners'),
        ),
        migrations.AlterField(
            model_name='business',
            name='contact_details',
            field=otms.db.fields.DocumentField(blank=True, null=True, verbose_name='contact details'),
        ),
        migrations.AlterField(
            model_name='business',
            name='created_at',
            field=models.DateTimeField(auto_now_add=True, verbose_name='created at'),
        ),
        migrations.AlterField(
            model_name='business',
            name='description',
            field=models.TextField(blank=True, verbose_name='description'),
        ),
        migrations.AlterField(
            model_name='business',
            name='documents',
            field=otms.db.fields.DocumentField(blank=True, null=True, verbose_name='documents'),
        ),
        migrations.AlterField(
            model_name='business',
            name='external_attributes',
            field=otms.db.fields.DocumentField(blank=True, null=True, verbose_name='external attributes'),
        ),
        migrations.AlterField(
            model_name='business',
            name='industry',
            field=models.CharField(blank=True, max_length=120, verbose_name='industry'),
        ),
        migrations.AlterField(
            model_name='business',
            name='logo',
            field=otms.db.fields.DocumentField(blank=True, null=True, verbose_name='logo'),
        ),
        migrations.AlterField(
            model_name='business',
            name='name',
            field=models.CharField(max_length=255, verbose_name='name'),
        ),
        migrations.AlterField(
            model_name='business',
            name='part_of',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='parts', to='orders.business', verbose_name='part of'),
        ),
        migrations.AlterField(
            model_name='business',
            name='relation_type',
            field=models.CharField(blank=True, max_length=60, verbose_name='relation type'),
        ),
        migrations.AlterField(
            model_name='business',
            name='transport_license_number',
            field=models.CharField(blank=True, max_length=60, verbose_name='transport license number'),
        ),
        migrations.AlterField(
            model_name='business',
            name='verified',
            field=models.BooleanField(default=False, verbose_name='verified'),
        ),
        migrations.AlterField(
            model_name='business',
            name='website',
            field=models.CharField(blank=True, max_length=500, verbose_name='website'),
        ),
        migrations.AlterField(
            model_name='consignment',
            name='combined',
            field=otms.db.fields.DocumentField(blank=True, null=True, verbose_name='combined'),
        ),
        migrations.AlterField(
            model_name='consignment',
            name='consignment',
            field=otms.db.fields.DocumentField(blank=True, null=True, verbose_name='consignment'),
        ),
        migrations.AlterField(
            model_name='consignment',
            name='created_at',
            field=models.DateTimeField(auto_now_add=True, verbose_name='created at'),
        ),
        migrations.AlterField(
            model_name='consignment',
            name='current_location',
            field=otms.db.fields.DocumentField(blank=True, null=True, verbose_name='current location'),
        ),
        migrations.AlterField(
            model_name='consignment',
            name='description',
            field=models.TextField(blank=True, verbose_name='description'),
        ),
        migrations.AlterField(
            model_name='consignment',
            name='external_attributes',
            field=otms.db.fields.DocumentField(blank=True, null=True, verbose_name='external attributes'),
        ),
        migrations.AlterField(
            model_name='consignment',
            name='high_value_goods',
            field=models.BooleanField(default=False, verbose_name='high value goods'),
        ),
        migrations.AlterField(
            model_name='consignment',
            name='name',
            field=models.CharField(blank=True, max_length=255, verbose_name='name'),
        ),
        migrations.AlterField(
            model_name='consignment',
            name='original_legal_addressee',
            field=otms.db.fields.DocumentField(blank=True, null=True, verbose_name='original legal addressee'),
        ),
        migrations.AlterField(
            model_name='consignment',
            name='original_legal_sender',
            field=otms.db.fields.DocumentField(blank=True, null=True, verbose_name='original legal sender'),
        ),
        migrations.AlterField(
            model_name='consignment',
            name='original_physical_addressee',
            field=otms.db.fields.DocumentField(blank=True, null=True, verbose_name='original physical addressee'),
        ),
        migrations.AlterField(
            model_name='consignment',
            name='original_physical_sender',
            field=otms.db.fields.DocumentField(blank=True, null=True, verbose_name='original physical sender'),
        ),
        migrations.AlterField(
            model_name='consignment',
            name='status',
            field=models.CharField(choices=[('draft', 'Draft'), ('requested', 'Requested'), ('confirmed', 'Confirmed'), ('in_transit', 'In Transit'), ('completed', 'Completed'), ('cancelled', 'Cancelled'), ('partially_planned', 'Partially Planned'), ('planned', 'Planned'), ('partially_completed', 'Partially Completed'), ('partially_in_transit', 'Partially In Transit'), ('concept', 'Concept')], default='requested', max_length=30, verbose_name='status'),
        ),
        migrations.AlterField(
            model_name='consignment',
            name='team',
            field=otms.db.fields.DocumentField(blank=True, null=True, verbose_name='team'),
        ),
        migrations.AlterField(
            model_name='event',
            name='created_at',
            field=models.DateTimeField(auto_now_add=True, verbose_name='created at'),
        ),
        migrations.AlterField(
            model_name='event',
            name='description',
            field=models.TextField(blank=True, verbose_name='description'),
        ),
        migrations.AlterField(
            model_name='event',
            name='external_attributes',
            field=otms.db.fields.DocumentField(blank=True, null=True, verbose_name='external attributes'),
        ),
        migrations.AlterField(
            model_name='event',
            name='life_cycle',
            field=models.CharField(choices=[('requested', 'Requested'), ('planned', 'Planned'), ('projected', 'Projected'), ('actual', 'Actual'), ('realized', 'Realized')], default='actual', max_length=10, verbose_name='life cycle'),
        ),
        migrations.AlterField(
            model_name='event',
            name='location',
            field=otms.db.fields.DocumentField(blank=True, null=True, verbose_name='location'),
        ),
        migrations.AlterField(
            model_name='event',
            name='name',
            field=models.CharField(blank=True, max_length=255, verbose_name='name'),
        ),
        migrations.AlterField(
            model_name='event',
            name='transport_order',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='orders.transportorder', verbose_name='transport order'),
        ),
        migrations.AlterField(
            model_name='event',
            name='type',
            field=models.CharField(choices=[('ArrivalEvent', 'arrival'), ('DepartureEvent', 'departure'), ('GateInEvent', 'gate in'), ('GateOutEvent', 'gate out'), ('StartMovingEvent', 'start moving'), ('StopMovingEvent', 'stop moving'), ('SensorUpdateEvent', 'sensor update'), ('CapacityChangeEvent', 'capacity change'), ('StartEngineEvent', 'start engine'), ('StopEngineEvent', 'stop engine'), ('GeneralEvent', 'general')], max_length=30, verbose_name='type'),
        ),
        migrations.AlterField(
            model_name='goods',
            name='created_at',
            field=models.DateTimeField(auto_now_add=True, verbose_name='created at'),
        ),
        migrations.AlterField(
            model_name='goods',
            name='description',
            field=models.TextField(blank=True, verbose_name='description'),
        ),
        migrations.AlterField(
            model_name='goods',
            name='load_meters',
            field=models.DecimalField(blank=True, decimal_places=6, max_digits=18, null=True, verbose_name='load meters'),
        ),
        migrations.AlterField(
            model_name='goods',
            name='packaging_material',
            field=models.CharField(blank=True, max_length=255, verbose_name='packaging material'),
        ),
        migrations.AlterField(
            model_name='goods',
            name='quantity',
            field=models.DecimalField(blank=True, decimal_places=6, max_digits=18, null=True, verbose_name='quantity'),
        ),
        migrations.AlterField(
            model_name='goods',
            name='type',
            field=models.CharField(choices=[('items', 'Items'), ('transportEquipment', 'transport equipment')], default='items', max_length=30, verbose_name='type'),
        ),
        migrations.AlterField(
            model_name='goods',
            name='weight',
            field=otms.db.fields.DocumentField(blank=True, null=True, verbose_name='weight'),
        ),
        migrations.AlterField(
            model_name='transportorder',
            name='created_at',
            field=models.DateTimeField(auto_now_add=True, verbose_name='created at'),
        ),
        migrations.AlterField(
            model_name='transportorder',
            name='customer',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='transport_orders', to='orders.business', verbose_name='customer'),
        ),
        migrations.AlterField(
            model_name='transportorder',
            name='description',
            field=models.TextField(blank=True, verbose_name='description'),
        ),
        migrations.AlterField(
            model_name='transportorder',
            name='external_attributes',
            field=otms.db.fields.DocumentField(blank=True, null=True, verbose_name='external attributes'),
        ),
        migrations.AlterField(
            model_name='transportorder',
            name='name',
            field=models.CharField(blank=True, max_length=255, verbose_name='name'),
        ),
        migrations.AlterField(
            model_name='transportorder',
            name='order_id',
            field=models.CharField(blank=True, max_length=255, verbose_name='order id'),
        ),
        migrations.AlterField(
            model_name='transportorder',
            name='reference_description',
            field=models.CharField(blank=True, max_length=500, verbose_name='reference description'),
        ),
        migrations.AlterField(
            model_name='transportorder',
            name='status',
            field=models.CharField(choices=[('concept', 'Concept'), ('requested', 'Requested'), ('accepted', 'Accepted'), ('calculated_trip', 'Calculated Trip'), ('partially_planned', 'Partially Planned'), ('planned', 'Planned'), ('actual', 'Actual'), ('realized', 'Realized'), ('cancelled', 'Cancelled'), ('declined', 'Declined')], default='requested', max_length=30, verbose_name='status'),
        ),
        migrations.AlterField(
            model_name='transportorder',
            name='type',
            field=models.CharField(blank=True, default='standard', max_length=60, verbose_name='type'),
        ),
    ]
