from django.db import migrations

from orgs.audit import triggers


class Migration(migrations.Migration):
    """Changes of destinations and credentials are audited."""

    dependencies = [
        ("destinations", "0005_gateway_protocol"),
        ("orgs", "0005_audit"),
    ]

    operations = [
        triggers.Audited("destinations_destination", "destination", mask=("config",)),
        triggers.Audited("destinations_credential", "credential", hide=("secret",)),
    ]
