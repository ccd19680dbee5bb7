import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):
    """Who sends which version, and when last."""

    dependencies = [
        ("actions", "0005_compatibility_and_deprecation"),
        ("dispatch", "0008_audited"),
        ("orgs", "0006_gateway_signer"),
    ]

    operations = [
        migrations.CreateModel(
            name="Sender",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("caller", models.CharField(max_length=255)),
                ("key_id", models.BigIntegerField(null=True)),
                ("user_id", models.BigIntegerField(null=True)),
                ("first_at", models.DateTimeField(db_default=Now())),
                ("last_at", models.DateTimeField(db_default=Now())),
                ("definition", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="senders", to="actions.actiondefinition")),
                ("org", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="orgs.organization")),
            ],
            options={
                "ordering": ("id",),
                "constraints": [models.UniqueConstraint(fields=("definition", "caller"), name="sender_once_per_definition")],
            },
        ),
    ]
