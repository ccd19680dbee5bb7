import actions.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from orgs.audit import triggers


class Migration(migrations.Migration):
    """Config revisions, whose changes are audited."""

    initial = True

    dependencies = [
        ('orgs', '0006_gateway_signer'),
    ]

    operations = [
        migrations.CreateModel(
            name='ConfigRevision',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('definition', actions.fields.ExactJSONField()),
                ('prune', models.BooleanField(default=False, help_text='Whether what it does not name goes.')),
                ('force', models.BooleanField(default=False, help_text='Whether destinations go that have open actions.')),
                ('allow_indeterminate', models.BooleanField(default=False, help_text='Whether versions are published, too, of which nobody can tell whether they keep the policy.')),
                ('preview_steps', actions.fields.ExactJSONField()),
                ('step_counts', models.JSONField(default=dict)),
                ('state_digest', models.BinaryField(max_length=32)),
                ('state_parts', models.JSONField(default=dict)),
                ('status', models.CharField(choices=[('planned', 'Planned'), ('applied', 'Applied'), ('failed', 'Failed')], default='planned', max_length=7)),
                ('error_message', models.TextField(blank=True, default='')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('updated_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('applied_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('org', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='orgs.organization')),
            ],
            options={
                'verbose_name': 'config revision',
                'ordering': ('-id',),
                'indexes': [models.Index(models.F('org'), models.OrderBy(models.F('id'), descending=True), name='revision_newest')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('applied_at__isnull', False), ('status', 'applied')), models.Q(('applied_at', None), ('status__in', ('planned', 'failed'))), _connector='OR'), name='revision_applied_at_some_time')],
            },
        ),
        # The revision keeps its document and its steps, which never change.
        triggers.Audited(
            "bundles_configrevision",
            "config revision",
            ignore=("definition", "preview_steps", "state_digest", "state_parts"),
        ),
    ]
