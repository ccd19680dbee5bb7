from django.db import migrations, models


class Migration(migrations.Migration):
    """How long an attempt took, with its event; the answers that failed it, with the payload.

    Without defaults and checks: no row is written anew, and none is looked at.
    """

    dependencies = [
        ("dispatch", "0009_senders"),
    ]

    operations = [
        migrations.AddField(
            model_name="actionevent",
            name="milliseconds",
            field=models.IntegerField(null=True),
        ),
        migrations.AddField(
            model_name="actionpayload",
            name="answers",
            field=models.JSONField(null=True),
        ),
    ]
