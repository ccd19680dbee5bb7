from django.db import migrations, models


class Migration(migrations.Migration):
    """Whether the actions of a variant are held until somebody approves them."""

    dependencies = [
        ("actions", "0002_full_strength"),
    ]

    operations = [
        migrations.AddField(
            model_name="actiondefinition",
            name="requires_approval",
            field=models.BooleanField(
                db_default=False,
                help_text="Whether the actions of all versions are held until somebody approves them.",
            ),
        ),
    ]
