import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Which API key a rotation has put in the place of one."""

    dependencies = [
        ("orgs", "0007_audit_by_time"),
    ]

    operations = [
        migrations.AddField(
            model_name="apikey",
            name="replaced_by",
            field=models.OneToOneField(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="replaces",
                to="orgs.apikey",
            ),
        ),
    ]
