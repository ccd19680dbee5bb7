import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from orgs.audit import triggers


class Migration(migrations.Migration):
    """Every change of what people manage is written down."""

    dependencies = [
        ('orgs', '0004_people'),
    ]

    operations = [
        migrations.AddField(
            model_name='organization',
            name='stripe_id',
            field=models.CharField(blank=True, db_default='', help_text='The customer at Stripe.', max_length=255),
        ),
        migrations.AddField(
            model_name='organization',
            name='usage_provider_id',
            field=models.CharField(blank=True, db_default='', help_text='Who meters it elsewhere.', max_length=255),
        ),
        migrations.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('actor', models.TextField()),
                ('via', models.CharField(choices=[('api', 'API'), ('admin', 'Admin'), ('gateway', 'Gateway'), ('command', 'Command'), ('job', 'Job'), ('database', 'Database')], max_length=8)),
                ('user_id', models.BigIntegerField(null=True)),
                ('key_id', models.BigIntegerField(null=True)),
                ('address', models.TextField()),
                ('path', models.TextField()),
                ('kind', models.CharField(max_length=64)),
                ('row_id', models.TextField()),
                ('event', models.CharField(choices=[('created', 'Created'), ('updated', 'Updated'), ('deleted', 'Deleted'), ('restored', 'Restored')], max_length=8)),
                ('before', models.JSONField(null=True)),
                ('after', models.JSONField(null=True)),
                ('org', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='orgs.organization')),
            ],
            options={
                'verbose_name': 'audit entry',
                'verbose_name_plural': 'audit entries',
                'ordering': ('-id',),
                'indexes': [models.Index(models.F('org'), models.OrderBy(models.F('id'), descending=True), name='audit_newest'), models.Index(models.F('org'), models.F('kind'), models.F('row_id'), models.OrderBy(models.F('id'), descending=True), name='audit_of_row')],
            },
        ),
        migrations.RunSQL(triggers.INSTALL, triggers.UNINSTALL),
        triggers.Audited("orgs_organization", "organization", org="id"),
        triggers.Audited("orgs_user", "user", hide=("password",)),
        triggers.Audited("orgs_user_user_permissions", "admin permission"),
        triggers.Audited("orgs_membership", "membership"),
        triggers.Audited("orgs_apikey", "api key", hide=("hash",)),
        triggers.Audited("orgs_signingkey", "signing key", hide=("secret", "previous")),
        triggers.Audited("orgs_invite", "invite", hide=("token_hash",)),
        triggers.Audited("orgs_captivedomain", "captive domain"),
    ]
