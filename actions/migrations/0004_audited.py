from django.db import migrations

from orgs.audit import triggers


class Migration(migrations.Migration):
    """Changes of definitions, their names and their links are audited."""

    dependencies = [
        ("actions", "0003_requires_approval"),
        ("orgs", "0005_audit"),
    ]

    operations = [
        # The definition keeps its schema, which never changes; the digest tells which one it is.
        triggers.Audited("actions_actiondefinition", "action definition", ignore=("schema",)),
        triggers.Audited("actions_definitionname", "name"),
        triggers.Audited("actions_definitiondestination", "link"),
    ]
