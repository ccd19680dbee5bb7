"""How commands of `manage.py` find the organization that they are about."""

from __future__ import annotations

import pytest
from django.utils import timezone

from config.commands import Exit, UnableError
from orgs.console import find_org
from tests import factories


def test_an_organization_is_found_by_its_id_or_its_slug(acme, globex):
    assert find_org("acme") == find_org(str(acme.pk)) == acme
    # A slug of digits is the slug that it is.
    named = factories.make_org(str(globex.pk))
    assert find_org(str(globex.pk)) == named


@pytest.mark.parametrize("text", ["", "nobody", "0", "-1", "9" * 19, "9" * 30, "٣"])
def test_one_that_is_not_there_ends_with_two(acme, text):
    with pytest.raises(UnableError) as caught:
        find_org(text)
    assert caught.value.returncode == Exit.UNABLE


def test_one_that_is_deleted_is_not_there(acme):
    type(acme).objects.filter(pk=acme.pk).update(deleted_at=timezone.now())
    for text in ("acme", str(acme.pk)):
        with pytest.raises(UnableError):
            find_org(text)
