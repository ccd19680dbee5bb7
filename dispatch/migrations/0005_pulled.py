from django.db import migrations, models


class Migration(migrations.Migration):
    """Workers pull the actions of sdk destinations."""

    dependencies = [
        ("dispatch", "0004_timeouts"),
        ("destinations", "0004_sdk_namespace"),
    ]

    operations = [
        migrations.AddField(
            model_name="lane",
            name="filled_at",
            field=models.DateTimeField(
                blank=True,
                help_text="When workers first took as much as its limit allows.",
                null=True,
            ),
        ),
        migrations.AlterField(
            model_name="actionevent",
            name="kind",
            field=models.CharField(
                choices=[
                    ("accepted", "Accepted"),
                    ("sunk", "kept by a default sink"),
                    ("not_deliverable", "the destination's type was not delivered"),
                    ("pulled", "pulled, waiting for its settlement"),
                    ("delivered", "delivered, waiting for its settlement"),
                    ("succeeded", "Succeeded"),
                    ("nacked", "Nacked"),
                    ("retried", "failed attempt, to be retried"),
                    ("failed", "Failed"),
                    ("extended", "settlement deadline moved"),
                    ("unsettled", "settlement deadline passed"),
                    ("lease_expired", "dispatcher lost"),
                    ("deadline_exceeded", "Deadline Exceeded"),
                    ("late", "late outcome, nothing changed"),
                    ("canceled", "Canceled"),
                    ("replayed", "Replayed"),
                ],
                max_length=17,
            ),
        ),
    ]
