from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

LATEST = (models.F("at").desc(), models.F("id").desc())
INDEXES = {
    "audit_latest": (),
    "audit_latest_of_org": ("org",),
    "audit_latest_of_actor": ("actor",),
    "audit_latest_via": ("via",),
    "audit_latest_of_kind": ("kind",),
}


class Migration(migrations.Migration):
    """The audit by when it was, for the console's list."""

    atomic = False

    dependencies = [
        ("orgs", "0006_gateway_signer"),
    ]

    operations = [
        AddIndexConcurrently("auditentry", models.Index(*first, *LATEST, name=name))
        for name, first in INDEXES.items()
    ]
