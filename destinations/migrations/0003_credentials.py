import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('destinations', '0002_full_strength'),
        ('orgs', '0003_signingkey'),
    ]

    operations = [
        migrations.AddField(
            model_name='destination',
            name='signing_key',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='destinations', to='orgs.signingkey'),
        ),
        migrations.CreateModel(
            name='Credential',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('updated_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('deleted_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('label', models.CharField(max_length=255)),
                ('type', models.CharField(choices=[('http_auth_headers', 'HTTP headers'), ('http_basic', 'HTTP Basic'), ('http_bearer', 'HTTP Bearer'), ('oauth2_client_credentials', 'OAuth 2.0 client credentials'), ('aws_access_key', 'AWS access key'), ('gcp_service_account', 'Google service account')], max_length=32)),
                ('metadata', models.JSONField(blank=True, default=dict)),
                ('secret', models.TextField(editable=False)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('org', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='credentials', to='orgs.organization')),
            ],
            options={
                'ordering': ('id',),
            },
        ),
        migrations.AddField(
            model_name='destination',
            name='credential',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='destinations', to='destinations.credential'),
        ),
        migrations.AddConstraint(
            model_name='credential',
            constraint=models.UniqueConstraint(condition=models.Q(('deleted_at', None)), fields=('org', 'label'), name='credential_label_once_per_org'),
        ),
        migrations.AddConstraint(
            model_name='credential',
            constraint=models.CheckConstraint(condition=models.Q(('type__in', ['http_auth_headers', 'http_basic', 'http_bearer', 'oauth2_client_credentials', 'aws_access_key', 'gcp_service_account'])), name='credential_type_known'),
        ),
    ]
