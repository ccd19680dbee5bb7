from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Minutes by their ages, so that old ones are deleted a batch at a time."""

    atomic = False

    dependencies = [
        ("operations", "0005_minutes"),
    ]

    operations = [
        AddIndexConcurrently(
            "minute",
            models.Index(
                "length",
                models.Func("minute", template="(%(expressions)s AT TIME ZONE 'UTC')"),
                name="minute_age",
            ),
        )
    ]
