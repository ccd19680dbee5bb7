"""What of the house itself calls for an operator."""

from __future__ import annotations

from django.urls import reverse

from operations import health
from operations.models import Chore

# Where to look for what calls for somebody, by what it is about.
PAGES = {
    "lanes": "admin:dispatch_lane_changelist",
    "worker": "admin:operations_chore_changelist",
    "partitions": "admin:operations_chore_changelist",
}


def find_troubles() -> list[dict[str, str]]:
    """What is wrong, what looks odd, and what chores have found, each with where to look."""
    found = health.examine()
    wrong = [(name, text, "") for name, text in found.checks.items() if text != health.OK]
    # What chores have found is told below, in its own words.
    odd = [
        (one.about, one.text, reverse(PAGES[one.about]) if one.about in PAGES else "")
        for one in found.concerns
        if one.about != "chores"
    ]
    chores = [
        (str(chore), chore.trouble, reverse("admin:operations_chore_change", args=[chore.pk]))
        for chore in Chore.objects.exclude(trouble="")
    ]
    return [{"name": name, "text": text, "url": url} for name, text, url in wrong + odd + chores]
