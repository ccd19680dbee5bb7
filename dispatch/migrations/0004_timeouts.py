from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """The index of timeouts serves those alone; built beside writes, which go on."""

    atomic = False

    dependencies = [
        ("dispatch", "0003_indexes_of_open_work"),
    ]

    operations = [
        RemoveIndexConcurrently(model_name="actionrecord", name="record_timeout"),
        AddIndexConcurrently(
            model_name="actionrecord",
            index=models.Index(
                condition=models.Q(("timeout_at__isnull", False)),
                fields=["timeout_at"],
                name="record_timeout",
            ),
        ),
    ]
