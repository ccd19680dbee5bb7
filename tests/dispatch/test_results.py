"""What a destination gives back is kept with the action: by whom it is written, shown and read."""

from __future__ import annotations

import orjson
import pytest
from django.db import connection
from django.utils import timezone

from destinations.outcomes import Outcome, Verdict
from dispatch import retries, settlement
from dispatch.models import IN_FLIGHT, ActionPayload, ActionRecord
from tests import factories
from tests.destinations.kinds.mcp_servers import start_new_server
from tests.dispatch import plans
from tests.dispatch.background import flush, wait_until
from tests.dispatch.concurrency import at_once

PAYLOADS = "dispatch_actionpayload"
RESULT = '{"content":[{"type":"text","text":"a \\"quoted\\" ä \\\\u0000"}],"n":1.0}'


def end(record_id, attempt=0, result=RESULT, verdict=Verdict.ACK):
    return retries.end_attempt(record_id, attempt, 0, Outcome(verdict, result=result))


@pytest.fixture
def running(record):
    return factories.move(record, status="running", started_at=timezone.now())


def test_the_result_is_kept_and_shown(api, running):
    flush(end(running.pk))

    assert ActionPayload.objects.get().result == RESULT.encode()
    response = api.get(f"~/actions/records/{running.pk}")
    shown = api.data(response)
    assert shown["state"]["status"] == "succeeded"
    assert shown["result"] == orjson.loads(RESULT)
    # As it is stored: nobody has read and written it again.
    assert RESULT.encode() in response.content


def test_where_nothing_came_back_it_is_null(api, running):
    assert api.data(api.get(f"~/actions/records/{running.pk}"))["result"] is None

    flush(end(running.pk, result=None))

    assert api.data(api.get(f"~/actions/records/{running.pk}"))["result"] is None


def test_a_list_is_without_results(api, running):
    flush(end(running.pk))

    (item,) = api.data(api.get("~/actions/records"))["items"]
    assert "result" not in item


@pytest.mark.parametrize(
    "ending",
    [
        # a late one
        {"attempt": 1},
        # only what has succeeded has a result
        {"verdict": Verdict.NACK},
        {"verdict": Verdict.PERMANENT},
    ],
)
def test_what_does_not_succeed_keeps_none(running, ending):
    flush(end(running.pk, **ending))

    assert ActionPayload.objects.get().result is None


def test_each_action_of_a_flush_keeps_its_own(acme, definition):
    records = [factories.make_record(acme) for _ in range(5)]
    ActionRecord.objects.update(status="running", started_at=timezone.now())

    flush(
        *(
            end(record.pk, result=None if number == 2 else f'{{"n":{number}}}')
            for number, record in enumerate(records)
        )
    )

    kept = list(ActionPayload.objects.order_by("pk").values_list("result", flat=True))
    assert kept == [b'{"n":0}', b'{"n":1}', None, b'{"n":3}', b'{"n":4}']
    assert set(ActionRecord.objects.values_list("status", flat=True)) == {"succeeded"}


def test_an_action_whose_payload_is_gone_ends_all_the_same(running):
    ActionPayload.objects.all().delete()

    flush(end(running.pk))

    running.refresh_from_db()
    assert running.status == "succeeded"


def test_retention_takes_the_result_with_the_payload(api, running):
    flush(end(running.pk))
    ActionPayload.objects.all().delete()

    shown = api.data(api.get(f"~/actions/records/{running.pk}"))
    assert (shown["payload_kept"], shown["result"]) == (False, None)


@pytest.mark.parametrize("planned", ["while idle", "known"])
def test_keeping_results_reads_their_payloads_and_no_others(webhook, definition, planned):
    lane = factories.make_lane(webhook)
    old = factories.make_records(
        lane, definition, 20_000, status="succeeded", completed_at=timezone.now()
    )
    flying = factories.make_records(lane, definition, 200, status="running")
    ActionPayload.objects.bulk_create(
        (ActionPayload(record_id=pk, input=b'{"n":1}') for pk in [*old, *flying]), batch_size=10_000
    )
    with connection.cursor() as cursor:
        if planned == "known":
            cursor.execute(f"ANALYZE dispatch_actionrecord, {PAYLOADS}")
    texts = [
        settlement.finish_parameters([end(pk, result=result) for pk in ids], statuses=IN_FLIGHT)
        for ids, result in ((flying[:100], None), (flying[100:], RESULT))
    ]
    with plans.prepared():
        without, kept = (
            plans.explain(f"flush($q${text['endings']}$q$, '{{running,ack_wait}}')")
            for text in texts
        )

    assert payload_rows(without) == 0
    assert payload_rows(kept) == 100
    # An index entry, the row, its new version and the index entry of that, for each of them.
    assert kept.blocks - without.blocks < 100 * 12
    assert ActionPayload.objects.filter(result__isnull=False).count() == 100


def payload_rows(plan):
    """How many payloads were looked at, in whichever partition."""
    return sum(
        node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
        for node in plan.nodes()
        if node.get("Relation Name", "").startswith(PAYLOADS) and "Scan" in node["Node Type"]
    )


@pytest.mark.django_db(transaction=True)
def test_two_that_end_it_at_once_leave_one_result(acme, definition):
    record = factories.make_record(acme)
    factories.move(record, status="running", started_at=timezone.now())

    def write(number):
        return lambda: flush(end(record.pk, result=f'{{"n":{number}}}'))

    at_once(lambda one: one(), [write(number) for number in range(4)])

    result = ActionPayload.objects.get().result
    assert result in {b'{"n":0}', b'{"n":1}', b'{"n":2}', b'{"n":3}'}
    assert record.events.filter(kind="succeeded").count() == 1


# --- from a tool to the record --------------------------------------------------------------------


@pytest.fixture(scope="module")
def tools():
    with start_new_server() as front:
        yield front


def link_tool(org, front, **config):
    to = factories.make_destination(org, "mcp", config={"endpoint": front.url} | config)
    schema = {"type": "object"}
    return factories.make_definition(org, "orders.created", to, schema=schema)


def test_what_a_tool_gives_back_is_kept_by_the_dispatcher(
    api, acme, tools, transactional_db, private_networks, start_dispatcher
):
    link_tool(acme, tools)
    record = factories.make_record(acme, "orders.created", input={"n": 7, "text": "ä"})
    start_dispatcher()

    wait_until(lambda: ActionRecord.objects.get(pk=record.pk).status == "succeeded")

    shown = api.data(api.get(f"~/actions/records/{record.pk}"))
    assert shown["result"]["content"] == [{"type": "text", "text": "7 ä"}]
    assert [event["kind"] for event in shown["events"]] == ["accepted", "succeeded"]
    assert tools.calls()[-1].record_id == str(record.pk)


def test_a_tool_that_fails_is_tried_again_by_the_schedule(
    api, acme, tools, transactional_db, private_networks, start_dispatcher
):
    link_tool(acme, tools, tool="fail")
    record = factories.make_record(acme, "orders.created", input={})
    start_dispatcher()

    wait_until(lambda: ActionRecord.objects.get(pk=record.pk).status == "scheduled")

    shown = api.data(api.get(f"~/actions/records/{record.pk}"))
    assert (shown["state"]["attempt"], shown["result"]) == (1, None)
    assert "the shop is closed" in shown["state"]["error_message"]
    assert shown["events"][-1]["kind"] == "nacked"


@pytest.mark.django_db(transaction=True)
def test_results_cost_no_statements_of_their_own(
    acme, tools, private_networks, start_dispatcher, statements
):
    definition = link_tool(acme, tools)
    destination = definition.links.get().destination
    jobs = 400
    lane = factories.make_lane(destination, running_limit=100)
    ids = factories.make_records(lane, definition, jobs)
    ActionPayload.objects.bulk_create(
        ActionPayload(record_id=pk, input=b'{"n":1,"text":"x"}') for pk in ids
    )
    start_dispatcher(concurrency=200)

    wait_until(lambda: not ActionRecord.objects.exclude(status="succeeded").exists(), 120)

    assert ActionPayload.objects.filter(result__isnull=False).count() == jobs
    # What ends attempts writes results as well: there is no other statement that does.
    writing = [text for text in statements if f"UPDATE {PAYLOADS}" in text]
    assert set(writing) == {settlement.FLUSH}
