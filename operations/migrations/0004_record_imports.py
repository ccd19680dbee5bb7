import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from orgs.audit import triggers


class Migration(migrations.Migration):
    """How far imports of records have come; who asks for one is audited."""

    dependencies = [
        ('operations', '0003_usage_by_version'),
        ('orgs', '0005_audit'),
    ]

    operations = [
        migrations.CreateModel(
            name='RecordImport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.BinaryField(max_length=32)),
                ('name', models.CharField(max_length=255)),
                ('actor', models.CharField(max_length=255)),
                ('runs', models.PositiveIntegerField(default=1, help_text='How often it was to be imported.')),
                ('line', models.BigIntegerField(default=0)),
                ('offset', models.BigIntegerField(default=0)),
                ('stored', models.BigIntegerField(default=0)),
                ('refused', models.BigIntegerField(default=0)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('updated_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('finished_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('org', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='orgs.organization')),
            ],
            options={
                'ordering': ('-id',),
                'constraints': [models.UniqueConstraint(fields=('org', 'digest'), name='record_import_once_per_org')],
            },
        ),
        # How far it has come is no change that somebody makes.
        triggers.Audited("operations_recordimport", "record import", when="OLD.runs <> NEW.runs"),
    ]
