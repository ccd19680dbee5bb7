"""What commands of `manage.py` share that are about one organization."""

from __future__ import annotations

from config.commands import UnableError
from orgs.models import Organization


def find_org(text: str) -> Organization:
    """The organization of that id or slug; exit code 2 where there is none."""
    rows = Organization.objects.live()
    found = rows.filter(slug=text).first()
    if found is None and text.isascii() and text.isdecimal() and len(text) < len(str(2**63)):
        found = rows.filter(pk=int(text)).first()
    if found is None:
        raise UnableError(f"There is no organization {text!r}.")
    row: Organization = found
    return row
