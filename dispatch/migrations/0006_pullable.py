from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """What workers may pull, by an index of its own; built beside writes, which go on."""

    atomic = False

    dependencies = [
        ("dispatch", "0005_pulled"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="actionrecord",
            index=models.Index(
                condition=models.Q(("push", False), ("status", "queued")),
                fields=["destination", "lane", "available_at", "id"],
                name="record_pullable",
            ),
        ),
    ]
