from django.db import migrations, models


class Migration(migrations.Migration):
    """Bulk operations approve and deny, too. No row is looked at that is not of few."""

    dependencies = [
        ("operations", "0006_minutes_by_age"),
    ]

    operations = [
        migrations.AlterField(
            "bulkoperation",
            "kind",
            models.CharField(
                choices=[
                    ("replay", "Replay"),
                    ("cancel", "Cancel"),
                    ("approve", "Approve"),
                    ("deny", "Deny"),
                ],
                max_length=7,
            ),
        ),
        migrations.RemoveConstraint("bulkoperation", "bulk_kind_known"),
        migrations.AddConstraint(
            "bulkoperation",
            models.CheckConstraint(
                condition=models.Q(kind__in=("replay", "cancel", "approve", "deny")),
                name="bulk_kind_known",
            ),
        ),
    ]
