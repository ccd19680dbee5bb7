import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """What is used is counted by versions, too, from here on."""

    dependencies = [
        ('operations', '0002_usage_and_audit'),
        ('orgs', '0006_gateway_signer'),
    ]

    operations = [
        migrations.CreateModel(
            name='VersionUsage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('variant', models.CharField(max_length=255)),
                ('version', models.PositiveIntegerField()),
                ('day', models.DateField()),
                ('accepted', models.BigIntegerField(default=0)),
                ('delivered', models.BigIntegerField(default=0)),
                ('failed', models.BigIntegerField(default=0)),
                ('canceled', models.BigIntegerField(default=0)),
                ('payload_bytes', models.BigIntegerField(default=0)),
                ('org', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='orgs.organization')),
            ],
            options={
                'verbose_name_plural': 'usage by version',
                'ordering': ('-day', 'org', 'variant', 'version'),
                'constraints': [models.UniqueConstraint(fields=('org', 'day', 'variant', 'version'), name='usage_once_per_version')],
            },
        ),
    ]
