"""Two web processes and two dispatchers on one machine."""

import pytest

from tests.hosts.proof import Proof
from tests.hosts.site import opened

pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def findings():
    with opened() as site:
        return Proof(site).prove_beside()


def test_everything_is_accounted_for_and_no_lane_is_above_its_cap(findings):
    assert findings.account.faults == []
    assert findings.account.lost == 0
    assert findings.account.accepted == findings.account.succeeded > 0


def test_two_dispatchers_deliver_more_than_one(findings):
    assert findings.together > findings.alone
