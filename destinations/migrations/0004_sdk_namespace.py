from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import MD5


class Migration(migrations.Migration):
    """Destinations are found by the namespace that workers pull from."""

    atomic = False

    dependencies = [
        ("destinations", "0003_credentials"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="destination",
            index=models.Index(
                models.F("org"),
                MD5(KeyTextTransform("namespace", "config")),
                condition=models.Q(("deleted_at", None), ("type", "sdk")),
                name="destination_namespace",
            ),
        ),
    ]
