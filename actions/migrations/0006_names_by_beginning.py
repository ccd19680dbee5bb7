from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models.functions import Collate


class Migration(migrations.Migration):
    """Names in an order in which those with one beginning are neighbours."""

    atomic = False

    dependencies = [
        ("actions", "0005_compatibility_and_deprecation"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="definitionname",
            index=models.Index("org", Collate("name", "C"), name="definition_name_by_beginning"),
        ),
    ]
