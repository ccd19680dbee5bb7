from django.db import migrations, models


class Migration(migrations.Migration):
    """A webhook may be spoken to as gateway actions are."""

    dependencies = [
        ("destinations", "0004_sdk_namespace"),
        ("orgs", "0006_gateway_signer"),
    ]

    operations = [
        migrations.AddField(
            model_name="destination",
            name="protocol",
            field=models.CharField(
                choices=[("plain", "Plain"), ("gateway", "Gateway")],
                db_default="plain",
                default="plain",
                editable=False,
                max_length=8,
            ),
        ),
        migrations.AddConstraint(
            model_name="destination",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("protocol", "plain"),
                    models.Q(("protocol", "gateway"), ("type", "webhook")),
                    _connector="OR",
                ),
                name="destination_gateway_is_webhook",
            ),
        ),
    ]
