"""The kill matrix in short: every scenario strikes once, one into the other."""

import pytest

from tests.chaos.installation import installed
from tests.chaos.matrix import Matrix, Round
from tests.chaos.scenarios import SCENARIOS

pytestmark = pytest.mark.alone

# This seed has those first after whose faults leases have to run out: meanwhile others strike.
PLAYED = Round(number=1, seed=626, names=list(SCENARIOS), strikes=1, storm=True)


@pytest.fixture(scope="module")
def accounts():
    with installed() as installation:
        return Matrix(installation, report=print).play(PLAYED)


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_was_accepted_is_delivered_whatever_is_killed(accounts, name):
    account = accounts[name]

    assert account.faults == [], PLAYED.replay_command(name)
    # More may be stored than a client has heard of, and each replay is one more.
    wanted = account.accepted + account.stored_unanswered + account.replayed
    assert account.succeeded + account.failed == wanted > 0
    assert account.lost == 0
