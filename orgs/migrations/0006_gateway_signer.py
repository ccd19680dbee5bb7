from django.db import migrations, models


class Migration(migrations.Migration):
    """Of several signing keys one signs what goes to gateway actions."""

    dependencies = [
        ("orgs", "0005_audit"),
    ]

    operations = [
        migrations.AddField(
            model_name="signingkey",
            name="signs_gateway_from",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
    ]
