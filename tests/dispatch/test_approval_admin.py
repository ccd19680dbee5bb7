"""Held actions in the admin: how many there are."""

from __future__ import annotations

import pytest
from django.urls import reverse

from dispatch import intake
from dispatch.intake import Submission
from dispatch.models import ActionRecord
from tests import factories

LIST = reverse("console:records")


@pytest.fixture
def held(acme, webhook):
    factories.make_definition(acme, to=webhook, requires_approval=True)
    return hand_in(acme, "key 1")


def hand_in(org, actor):
    submission = Submission("count", {"n": 1})
    (accepted,) = intake.accept(org.pk, [submission], atomic=True, actor=actor)
    return ActionRecord.objects.get(pk=accepted.id)


def test_the_first_page_counts_what_waits_for_approval(admin_client, held):
    page = admin_client.get(reverse("admin:index"))

    assert "1 waits for approval" in page.content.decode()
    assert f"{LIST}?status=held" in page.content.decode()
