import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

from orgs.audit import triggers


class Migration(migrations.Migration):
    """What is used is counted, and who asks for something in bulk is audited."""

    dependencies = [
        ('operations', '0001_initial'),
        ('orgs', '0005_audit'),
    ]

    operations = [
        migrations.CreateModel(
            name='UsageProgress',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('last_id', models.BigIntegerField(default=0)),
                ('next_slice', models.BigIntegerField(default=0)),
                ('began_at', models.DateTimeField(null=True)),
                ('as_of', models.DateTimeField(null=True)),
            ],
            options={
                'ordering': ('id',),
            },
        ),
        migrations.CreateModel(
            name='UsageSlice',
            fields=[
                ('first_id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('unfinished', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
            ],
            options={
                'ordering': ('first_id',),
            },
        ),
        # Ids do not get smaller by compression, and it takes longer than all the rest of a count.
        migrations.RunSQL(
            "ALTER TABLE operations_usageslice ALTER COLUMN unfinished SET STORAGE EXTERNAL",
            migrations.RunSQL.noop,
        ),
        migrations.CreateModel(
            name='Usage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('variant', models.CharField(max_length=255)),
                ('day', models.DateField()),
                ('accepted', models.BigIntegerField(default=0)),
                ('delivered', models.BigIntegerField(default=0)),
                ('failed', models.BigIntegerField(default=0)),
                ('canceled', models.BigIntegerField(default=0)),
                ('payload_bytes', models.BigIntegerField(default=0)),
                ('org', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='orgs.organization')),
            ],
            options={
                'verbose_name_plural': 'usage',
                'ordering': ('-day', 'org', 'variant'),
                'constraints': [models.UniqueConstraint(fields=('org', 'day', 'variant'), name='usage_once_per_org_day_and_variant')],
            },
        ),
        # How far it has come is no change that somebody makes.
        triggers.Audited(
            "operations_bulkoperation",
            "bulk operation",
            ignore=("done", "skipped", "last_id", "started_at", "finished_at"),
            when="OLD.status <> NEW.status AND NEW.status IN ('canceled', 'failed')",
        ),
    ]
