from django.db import migrations

from orgs.audit import triggers


class Migration(migrations.Migration):
    """What people say of lanes is audited; what lanes learn is not."""

    dependencies = [
        ("dispatch", "0007_held_and_once"),
        ("orgs", "0005_audit"),
    ]

    operations = [
        triggers.Audited("dispatch_lane", "lane", only=("running_cap", "unsettled_cap")),
    ]
