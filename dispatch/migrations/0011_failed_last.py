from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """What failed last, by when it failed. No row that has not failed is in it."""

    atomic = False

    dependencies = [
        ("dispatch", "0010_what_attempts_keep"),
    ]

    operations = [
        AddIndexConcurrently(
            "actionrecord",
            models.Index(
                "org",
                models.F("completed_at").desc(),
                condition=models.Q(status="failed"),
                name="record_failed_last",
            ),
        )
    ]
