"""What an earlier release took in for types that are delivered by now."""

import pytest
from django.db import transaction

from dispatch import services, settlement
from dispatch.models import ActionRecord
from tests import factories
from tests.dispatch.claiming import claim, connected

KINDS = ("webhook", "aws_sqs", "google_pubsub", "mcp", "sdk")


@pytest.fixture
def stranded(acme):
    """An action for each type, by its name, as a process took it in that delivered none of them."""
    made = {}
    for kind in KINDS:
        factories.make_definition(acme, kind, to=factories.make_destination(acme, kind))
        made[kind] = factories.make_record(acme, kind)
    ActionRecord.objects.update(push=False)
    return made


def pushed():
    return set(ActionRecord.objects.filter(push=True).values_list("pk", flat=True))


def test_it_is_handed_to_the_dispatchers(stranded):
    assert services.push_stranded() == 4
    assert pushed() == {stranded[kind].pk for kind in KINDS if kind != "sdk"}
    assert services.push_stranded() == 0


def test_what_is_over_or_not_due_stays_as_it_is(stranded):
    factories.move(stranded["mcp"], status="scheduled")
    factories.move(stranded["aws_sqs"], status="running")
    over = stranded["webhook"]
    factories.move(over, status="failed", completed_at=over.created_at)

    services.push_stranded()

    assert pushed() == {stranded["google_pubsub"].pk}


def test_it_is_done_a_thousand_at_a_time(acme):
    queue = factories.make_destination(acme, "aws_sqs")
    definition = factories.make_definition(acme, to=queue)
    factories.make_records(factories.make_lane(queue), definition, 2_500, push=False)

    assert [services.push_stranded() for _ in range(4)] == [1_000, 1_000, 500, 0]


@pytest.mark.django_db(transaction=True)
def test_the_dispatchers_hear_of_it(stranded):
    with connected() as listener:
        listener.execute(f"LISTEN {settlement.WAKE}")
        services.push_stranded()
        assert list(listener.notifies(timeout=2, stop_after=1))
        services.push_stranded()
        assert not list(listener.notifies(timeout=0.2))
    with transaction.atomic():
        assert len(claim()) == 4
