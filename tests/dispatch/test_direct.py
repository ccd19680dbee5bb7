"""Executing an action while its caller waits: one attempt, and what it came to."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import timedelta

import pytest
from django.db import DatabaseError, OperationalError, connections, transaction
from django.utils import timezone

from actions import services as actions
from actions.models import ActionDefinition
from config.errors import BadRequestError, BusyError, ConflictError, NotFoundError, RuleError
from destinations import services as destinations
from destinations.calls import calls
from destinations.models import Destination
from dispatch import advice, approvals, direct, idempotency, rounds, services, settlement
from dispatch.direct import Order
from dispatch.engine import lines
from dispatch.intake import DestinationGoneError
from dispatch.models import ActionRecord, IdempotencyKey, Lane, Status
from operations import reconciliation
from runtime import seats, slots
from runtime.seats import Seats
from tests import factories
from tests.destinations.receiver import refusing
from tests.dispatch.background import Answer, wait_until
from tests.dispatch.claiming import claim, connected, promote
from tests.dispatch.concurrency import at_once
from tests.dispatch.proxy import Proxy
from tests.stored import everything_stored

pytestmark = pytest.mark.django_db(transaction=True)
DONE = Answer(body=b'{"result": "counted", "error": ""}')


@pytest.fixture
def order(acme, delivered):
    return Order(acme.pk, "count", {"n": 1}, "key 7")


@pytest.fixture
def hidden(receiver):
    """Nobody gets an answer until `receiver.release()`."""
    receiver.open.clear()
    return receiver


@pytest.fixture
def soon(monkeypatch):
    """Nobody waits for longer than half a second."""
    monkeypatch.setattr(direct, "SECONDS", 0.5)


def in_thread(function, *arguments, **options):
    """The thread that calls the function, and where its answer is going to be."""
    answers = []

    def call():
        try:
            answers.append(function(*arguments, **options))
        finally:
            connections.close_all()

    thread = threading.Thread(target=call)
    thread.start()
    return thread, answers


def claimed():
    with transaction.atomic():
        return claim()


def events_of(record):
    return [(one.kind, one.status) for one in record.events.order_by("id")]


def test_it_is_delivered_at_once_and_the_result_given(receiver, order):
    receiver.otherwise = DONE

    executed = direct.execute(order)

    record = ActionRecord.objects.get()
    assert executed == direct.Executed(record.pk, Status.SUCCEEDED, "counted", "", False)
    (got,) = receiver.received
    assert (got.record_id, got.attempt, got.body) == (record.pk, 0, b'{"n":1}')
    assert (record.status, record.attempt, record.once) == ("succeeded", 0, True)
    assert record.timeout_at is None
    assert bytes(record.payload.result) == b'"counted"'
    assert events_of(record) == [("accepted", "running"), ("succeeded", "succeeded")]
    assert record.events.order_by("id").first().detail == {"by": "key 7", "direct": True}


def test_while_it_waits_it_counts_as_running_and_is_nobodys_to_claim(hidden, order):
    thread, _ = in_thread(direct.execute, order)
    wait_until(lambda: hidden.received)
    record = ActionRecord.objects.get()
    seconds = (record.timeout_at - record.started_at).total_seconds()

    assert (record.status, record.attempt, seconds) == ("running", 0, 40)
    assert claimed() == []
    assert promote() == (0, 0)
    assert services.push_stranded() == 0
    hidden.release()
    thread.join()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(body=b'{"result": "", "error": "No such user"}'), "No such user"),
        (Answer(500, body=b'{"result": "", "error": "Down"}'), "HTTP 500: Down"),
        (Answer(503, {"Retry-After": "1"}), "HTTP 503"),
        (Answer(429, {"Retry-After": "1"}), "HTTP 429"),
        (Answer(410), "HTTP 410"),
        (Answer(301), "HTTP 301 (redirects are not followed"),
        (Answer(200, {"x-arklow-signaling": "nack", "x-arklow-signaling-val": "0"}), "nack"),
    ],
)
def test_what_has_failed_is_never_tried_again(receiver, order, answer, error):
    receiver.otherwise = answer

    executed = direct.execute(order)

    assert (executed.status, executed.ambiguous) == (Status.FAILED, False)
    assert executed.error.startswith(error)
    promote()
    assert claimed() == []
    assert len(receiver.received) == 1


def test_a_success_without_a_signal_succeeds_whatever_the_default(acme, receiver, order):
    waiting = factories.make_receiving(
        acme, receiver.url, signaling={"enabled": True, "default": "mod_ack"}
    )
    factories.make_definition(acme, "waiting", to=waiting)

    executed = direct.execute(Order(acme.pk, "waiting", {"n": 1}, "key 7"))

    assert executed.status == Status.SUCCEEDED


def test_silence_is_failed_and_ambiguous(hidden, order, soon):
    began = time.monotonic()

    executed = direct.execute(order)

    assert time.monotonic() - began < 3
    assert (executed.status, executed.ambiguous) == (Status.FAILED, True)
    assert executed.error.endswith("it may have been done.")
    record = ActionRecord.objects.get()
    assert record.events.order_by("id").last().detail["ambiguous"] is True


def test_what_does_not_end_by_itself_is_given_up(order, soon, monkeypatch):
    async def never(*_):
        await asyncio.Event().wait()

    monkeypatch.setattr("destinations.kinds.deliver", never)

    executed = direct.execute(order)

    assert (executed.status, executed.ambiguous) == (Status.FAILED, True)
    assert executed.error == "It has not ended in time; it may have been done."


def test_nobody_listening_is_failed_and_not_ambiguous(acme, order):
    with refusing() as url:
        factories.make_definition(acme, "refused", to=factories.make_receiving(acme, url))
        executed = direct.execute(Order(acme.pk, "refused", {"n": 1}, "key 7"))

    assert (executed.status, executed.ambiguous) == (Status.FAILED, False)
    assert "ClientConnectorError" in executed.error


def test_an_address_that_is_refused_by_now_is_told(order, receiver, settings):
    settings.ALLOW_PRIVATE_NETWORKS = False

    executed = direct.execute(order)

    assert (executed.status, executed.ambiguous) == (Status.FAILED, False)
    assert "127.0.0.1" in executed.error
    assert receiver.received == []


def test_a_credential_that_cannot_be_used_is_told(acme, order, receiver):
    credential = factories.make_credential(acme)
    destination = Destination.objects.get()
    destinations.update_destination(
        destination=destination, changes={"credential_id": credential.pk}
    )
    credential.expires_at = timezone.now() - timedelta(days=1)
    credential.save()

    executed = direct.execute(order)

    assert (executed.status, executed.ambiguous) == (Status.FAILED, False)
    assert "has expired" in executed.error
    with pytest.raises(ConflictError, match="has expired"):
        direct.dry_run(order)
    assert receiver.received == []


# --- what is refused, and leaves nothing behind --------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "refusal", "fault"),
    [
        ({"input": {"n": "1"}}, BadRequestError, ("INVALID_INPUT", "/input/n")),
        ({"input": {}}, BadRequestError, ("INVALID_INPUT", "/input/n")),
        ({"name": "nothing"}, NotFoundError, ("UNKNOWN_VARIANT", "/variant")),
        ({"version": 2}, NotFoundError, ("UNKNOWN_VARIANT", "/variant")),
        ({"name": "pulled"}, RuleError, ("NOT_EXECUTABLE", None)),
        ({"name": "sunk"}, RuleError, ("NOT_EXECUTABLE", None)),
        ({"name": "theirs"}, NotFoundError, ("UNKNOWN_VARIANT", "/variant")),
    ],
)
def test_what_cannot_be_executed_is_refused(acme, globex, order, receiver, asked, refusal, fault):
    factories.make_definition(acme, "pulled", to=factories.make_destination(acme, "sdk"))
    factories.make_definition(acme, "sunk")
    to = factories.make_receiving(globex, receiver.url)
    factories.make_definition(globex, "theirs", to=to)
    asked = {"name": "count", "input": {"n": 1}} | asked

    for call in (direct.execute, direct.dry_run):
        with pytest.raises(refusal) as refused:
            call(Order(acme.pk, actor="key 7", **asked))

        (found,) = refused.value.faults
        assert (found.code, found.pointer) == fault
    assert not ActionRecord.objects.exists()
    assert receiver.received == []


def test_tags_that_would_make_one_lane_too_many_are_refused(acme, order, monkeypatch):
    monkeypatch.setattr("dispatch.lanes.MAX_LANES", 0)

    with pytest.raises(BadRequestError) as refused:
        direct.execute(Order(acme.pk, "count", {"n": 1}, "key 7", tags={"a": "b"}))
    assert refused.value.faults[0].code == "TAG_CARDINALITY_EXCEEDED"


def test_a_destination_that_is_deleted_in_this_moment_is_409(acme, order, monkeypatch, receiver):
    judged = direct._judge(order)
    destination = Destination.objects.get()
    services.delete_destination(destination=destination, force=True, actor="a test")
    monkeypatch.setattr(direct, "_judge", lambda order: judged)

    with pytest.raises(DestinationGoneError):
        direct.execute(order)
    assert not ActionRecord.objects.exists()


def test_an_operators_pause_is_honoured(order, receiver):
    destination = Destination.objects.get()
    advice.pause_destination(destination=destination, actor="a test")

    with pytest.raises(ConflictError, match="Its destination is paused"):
        direct.execute(order, key="one")
    advice.resume_destination(destination=destination, actor="a test")

    # The key is free again.
    assert direct.execute(order, key="one").status == Status.SUCCEEDED


@pytest.mark.parametrize(
    ("lane", "code", "retry_after"),
    [
        ({"running_cap": 0}, "PAUSED", None),
        ({"unsettled_cap": 0}, "PAUSED", None),
        ({"running_cap": 1}, "BUSY", 1),
        ({"unsettled_cap": 1}, "BUSY", 1),
        # A breaker that has opened: a pause, then one probe at a time.
        ({"opened": 1, "paused_until": timedelta(seconds=30)}, "BACKING_OFF", 30),
        ({"opened": 1, "paused_until": timedelta(seconds=-1)}, "BACKING_OFF", 1),
    ],
)
def test_what_a_lane_lets_nobody_start_is_refused(order, receiver, lane, code, retry_after):
    direct.execute(order)
    factories.move(ActionRecord.objects.get(), status="running", completed_at=None)
    if "paused_until" in lane:
        lane = lane | {"paused_until": timezone.now() + lane["paused_until"]}
    Lane.objects.update(**lane)

    with pytest.raises((ConflictError, BusyError)) as refused:
        direct.execute(order)

    assert refused.value.faults[0].code == code
    assert refused.value.retry_after == retry_after
    assert ActionRecord.objects.count() == 1


def test_a_learnt_limit_keeps_nobody_waiting(order, receiver):
    direct.execute(order)
    factories.move(ActionRecord.objects.get(), status="running", completed_at=None)
    Lane.objects.update(running_limit=1, running_cap=5, unsettled_cap=5)

    assert direct.execute(order).status == Status.SUCCEEDED


def test_caps_hold_also_for_those_who_come_at_once(order, hidden):
    lane = factories.make_lane(Destination.objects.get())
    Lane.objects.filter(pk=lane.pk).update(running_cap=3)
    threading.Timer(1.5, hidden.release).start()

    def try_it(_):
        try:
            return direct.execute(order).status
        except BusyError as error:
            return error.faults[0].code

    assert sorted(at_once(try_it, range(8))) == ["BUSY"] * 5 + ["succeeded"] * 3


def test_a_process_takes_so_many_at_once(acme, globex, order, hidden, monkeypatch):
    monkeypatch.setattr(direct, "seats", Seats(3))
    to = factories.make_receiving(globex, hidden.url)
    factories.make_definition(globex, to=to)
    theirs = Order(globex.pk, "count", {"n": 1}, "key 8")
    waiting = [in_thread(direct.execute, order) for _ in range(2)]
    wait_until(lambda: len(hidden.received) == 2)

    # One organization has its share, and another one is still let in.
    with pytest.raises(BusyError) as refused:
        direct.execute(order)
    waiting.append(in_thread(direct.execute, theirs))
    wait_until(lambda: len(hidden.received) == 3)
    with pytest.raises(BusyError):
        direct.execute(theirs)

    assert (refused.value.status, refused.value.retry_after) == (503, 1)
    hidden.release()
    for thread, _ in waiting:
        thread.join()
    assert [told[0].status for _, told in waiting] == ["succeeded"] * 3
    assert direct.execute(order).status == "succeeded"


@pytest.mark.parametrize("key", [None, "one"])
def test_who_gets_no_seat_has_stored_nothing_and_simply_calls_again(
    order, receiver, monkeypatch, key
):
    before = everything_stored()
    with monkeypatch.context() as patch:
        # Pulls, probes and others' calls have all of the process's.
        patch.setattr(seats, "_process", Seats(0))
        with pytest.raises(BusyError, match="has stored and sent nothing: call again") as refused:
            direct.execute(order, key=key)

    assert (refused.value.status, refused.value.retry_after) == (503, 1)
    assert (receiver.received, everything_stored()) == ([], before)
    assert direct.execute(order, key=key).status == Status.SUCCEEDED


def test_whoever_has_a_seat_is_delivered_also_where_the_process_is_to_end(
    order, receiver, monkeypatch
):
    monkeypatch.setattr(direct, "_begin", stop_after(direct._begin, monkeypatch))

    assert direct.execute(order, key="one").status == Status.SUCCEEDED
    with pytest.raises(BusyError):
        direct.execute(order, key="two")


def stop_after(function, monkeypatch):
    """The function, after which the process is to end."""

    def call(*arguments):
        begun = function(*arguments)
        monkeypatch.setattr(slots, "may_leave", lambda: False)
        monkeypatch.setattr(slots, "is_stopping", lambda: True)
        return begun

    return call


@pytest.mark.parametrize(
    ("where", "error"),
    [("_begin", DatabaseError), ("_deliver", KeyboardInterrupt), ("_settle", KeyboardInterrupt)],
)
def test_a_seat_is_given_back_whatever_goes_wrong(acme, order, monkeypatch, where, error):
    def fail(*_):
        assert direct.seats.taken_by(acme.pk) == 1
        raise error

    monkeypatch.setattr(direct, where, fail)

    with pytest.raises(error):
        direct.execute(order)
    assert direct.seats.taken_by(acme.pk) == 0


# --- while the database is away ------------------------------------------------------------------


@pytest.fixture
def wire(background, monkeypatch):
    """What every connection that is opened from here on goes through."""
    proxy, straight = Proxy(), lines.read_conninfo()
    monkeypatch.setattr(lines, "read_conninfo", lambda: straight)
    background.run(proxy.start())
    monkeypatch.setitem(connections.settings["default"], "HOST", "127.0.0.1")
    monkeypatch.setitem(connections.settings["default"], "PORT", proxy.port)
    yield proxy
    background.run(proxy.stop())


@pytest.fixture
def tries(monkeypatch):
    """What was tried to write down, by now."""
    tried, finish = [], settlement.finish

    def trying(ending):
        tried.append(ending)
        return finish(ending)

    monkeypatch.setattr(settlement, "finish", trying)
    return tried


def test_a_database_that_comes_back_is_told_what_came_of_it(background, hidden, order, wire, tries):
    hidden.otherwise = DONE
    thread, told = in_thread(direct.execute, order)
    wait_until(lambda: hidden.received)
    background.run(wire.cut())

    hidden.release()
    wait_until(lambda: len(tries) > 2)
    background.run(wire.mend())
    thread.join()

    record = ActionRecord.objects.get()
    assert told == [direct.Executed(record.pk, Status.SUCCEEDED, "counted", "", False)]
    assert events_of(record) == [("accepted", "running"), ("succeeded", "succeeded")]
    assert len(hidden.received) == 1


def test_a_database_that_stays_away_sends_nobody_to_do_it_again(
    background, hidden, order, wire, tries, soon, monkeypatch, caplog
):
    monkeypatch.setattr(direct, "SETTLING_SECONDS", 1.0)
    thread, told = in_thread(direct.execute, order, key="one")
    wait_until(lambda: hidden.received)
    background.run(wire.cut())

    hidden.release()
    thread.join()
    background.run(wire.mend())

    record = ActionRecord.objects.get()
    assert told == [direct.Executed(record.pk, Status.FAILED, None, direct.UNKNOWN, True)]
    assert f"What came of action {record.pk} could not be written down" in caplog.text
    assert direct.seats.taken_by(order.org_id) == 0
    # Its lease runs out, and everybody is told the same.
    factories.move(record, timeout_at=timezone.now() - timedelta(seconds=1))
    promote()
    again = direct.execute(order, key="one")
    assert (again.status, again.ambiguous, len(hidden.received)) == ("failed", True, 1)


def test_what_was_written_down_and_cannot_be_read_for_a_moment_is_not_written_again(
    receiver, order, monkeypatch
):
    find, looked = direct.find, []

    def find_late(record_id):
        looked.append(record_id)
        if len(looked) == 1:
            raise OperationalError("gone")
        return find(record_id)

    monkeypatch.setattr(direct, "find", find_late)

    assert direct.execute(order).status == Status.SUCCEEDED
    assert events_of(ActionRecord.objects.get())[1:] == [("succeeded", "succeeded")]


# --- what others do meanwhile --------------------------------------------------------------------


def meanwhile(hidden, order, change):
    """What the caller is told where somebody changes the action while it waits."""
    thread, told = in_thread(direct.execute, order)
    wait_until(lambda: hidden.received)
    record = ActionRecord.objects.get()
    change(record)
    hidden.release()
    thread.join()
    return told[0], events_of(record)


def test_what_is_canceled_meanwhile_is_told_to_be_and_ambiguous(hidden, order):
    executed, events = meanwhile(
        hidden, order, lambda record: services.cancel_record(record=record, actor="a test")
    )

    assert (executed.status, executed.error) == ("canceled", "Canceled by a test.")
    assert executed.ambiguous
    assert events[1:] == [("canceled", "canceled"), ("late", "canceled")]


def test_what_a_worker_has_settled_by_then_counts(hidden, order):
    hidden.otherwise = Answer(500)

    executed, events = meanwhile(
        hidden,
        order,
        lambda record: settlement.ack(org_id=record.org_id, record_id=record.pk, attempt=0),
    )

    assert (executed.status, executed.error) == ("succeeded", "")
    assert events[1:] == [("succeeded", "succeeded"), ("late", "succeeded")]


def test_a_nack_by_a_worker_ends_it(hidden, order):
    executed, events = meanwhile(
        hidden,
        order,
        lambda record: settlement.nack(org_id=record.org_id, record_id=record.pk, attempt=0),
    )

    assert (executed.status, executed.error, executed.ambiguous) == ("failed", "nack", False)
    assert events[1] == ("nacked", "failed")


def test_a_lease_that_is_over_has_failed_ambiguously_and_stays_so(hidden, order):
    def expire(record):
        factories.move(record, timeout_at=timezone.now() - timedelta(seconds=1))
        assert promote() == (0, 1)

    executed, events = meanwhile(hidden, order, expire)

    assert (executed.status, executed.ambiguous) == ("failed", True)
    assert executed.error == "The process that delivered it was lost; it may have been done."
    assert events[1:] == [("lease_expired", "failed"), ("late", "failed")]
    detail = ActionRecord.objects.get().events.get(kind="lease_expired").detail
    assert detail == {"ambiguous": True}
    assert claimed() == []


def test_a_destination_deleted_by_force_meanwhile_is_told(hidden, order):
    executed, _ = meanwhile(
        hidden,
        order,
        lambda record: services.delete_destination(
            destination=record.destination, force=True, actor="a test"
        ),
    )

    assert (executed.status, executed.ambiguous) == ("failed", True)
    assert executed.error.startswith("DESTINATION_DELETED")


def test_a_mod_ack_leaves_it_open_to_be_settled_and_never_delivered_again(receiver, order):
    receiver.otherwise = Answer(
        200, {"x-arklow-signaling": "mod_ack", "x-arklow-signaling-val": "300"}
    )

    executed = direct.execute(order)

    assert (executed.status, executed.ambiguous) == ("ack_wait", False)
    assert executed.error == "It was taken and is not settled yet: ask for its record."
    record = ActionRecord.objects.get()
    factories.move(record, timeout_at=timezone.now() - timedelta(seconds=1))
    assert promote() == (0, 1)
    executed = direct.find(record.pk)
    assert (executed.status, executed.ambiguous) == ("failed", True)
    assert executed.error == "Delivered, but not settled in time."


def test_a_mod_ack_is_settled_by_a_worker(acme, receiver, order):
    receiver.otherwise = Answer(200, {"x-arklow-signaling": "mod_ack"})
    executed = direct.execute(order)

    settlement.ack(org_id=acme.pk, record_id=executed.record_id, attempt=0)

    assert direct.find(executed.record_id).status == Status.SUCCEEDED


def test_a_worker_that_extends_it_meanwhile_keeps_it_open_where_no_answer_comes(
    hidden, order, monkeypatch
):
    monkeypatch.setattr(direct, "SECONDS", 2.0)
    thread, told = in_thread(direct.execute, order)
    wait_until(lambda: hidden.received)
    record = ActionRecord.objects.get()

    settlement.extend(org_id=record.org_id, record_id=record.pk, attempt=0, seconds=300)

    thread.join()
    assert told[0].status == "ack_wait"


# --- idempotency ---------------------------------------------------------------------------------


def test_the_same_call_under_the_same_key_is_one_action(receiver, order):
    receiver.otherwise = DONE

    first, again = direct.execute(order, key="one"), direct.execute(order, key="one")

    assert first == again
    assert len(receiver.received) == 1


@pytest.mark.parametrize(
    "other", [{"input": {"n": 2}}, {"tags": {"a": "b"}}, {"version": 1}, {"name": "alias"}]
)
def test_another_call_under_the_same_key_is_409(acme, receiver, order, other):
    direct.execute(order, key="one")
    asked = {"name": "count", "input": {"n": 1}} | other

    with pytest.raises(idempotency.KeyReusedError):
        direct.execute(Order(acme.pk, actor="key 7", **asked), key="one")
    assert len(receiver.received) == 1


def test_a_key_of_ingress_is_not_one_of_execute(api, receiver, order):
    body = {"input": {"n": 1}}
    api.data(api.call("POST", "/v1/ingress/count", body, **{"Idempotency-Key": "one"}))

    with pytest.raises(idempotency.KeyReusedError):
        direct.execute(order, key="one")
    direct.execute(order, key="two")
    answer = api.call("POST", "/v1/ingress/count", body, **{"Idempotency-Key": "two"})
    assert answer.status_code == 409


def test_another_organizations_key_is_none_of_ours(globex, receiver, order):
    factories.make_definition(globex, to=factories.make_receiving(globex, receiver.url))
    theirs = Order(globex.pk, "count", {"n": 1}, "key 8")

    ours = direct.execute(order, key="one")

    assert direct.execute(theirs, key="one").record_id != ours.record_id


@pytest.mark.parametrize("key", ["", " ", "é", "x" * 256, "a\nb"])
def test_a_key_that_is_none_is_400(order, key):
    with pytest.raises(BadRequestError):
        direct.execute(order, key=key)
    assert not ActionRecord.objects.exists()


def test_whoever_repeats_a_call_that_is_under_way_waits_for_it(hidden, order):
    threading.Timer(1.0, hidden.release).start()

    told = at_once(lambda _: direct.execute(order, key="one"), range(6))

    assert {(one.record_id, one.status) for one in told} == {(told[0].record_id, "succeeded")}
    assert len(hidden.received) == 1


def test_nobody_waits_for_ever_for_another_call(hidden, order, soon, monkeypatch):
    thread, _ = in_thread(direct.execute, order, key="one")
    wait_until(lambda: hidden.received)
    thread.join()
    record = factories.move(ActionRecord.objects.get(), status="running", completed_at=None)

    executed = direct.execute(order, key="one")

    assert (executed.record_id, executed.status) == (record.pk, "running")
    assert executed.error == "It is under way: ask for its record."
    # Nor in a process that is to end.
    monkeypatch.setattr(slots, "is_stopping", lambda: True)
    monkeypatch.setattr(direct, "SECONDS", 20)
    assert direct.execute(order, key="one").status == "running"


def test_who_is_slower_by_a_moment_gets_what_the_faster_one_began(receiver, order, monkeypatch):
    first = direct.execute(order, key="one")
    find, looked = idempotency.find, []

    def find_late(call):
        looked.append(call)
        return None if len(looked) == 1 else find(call)

    monkeypatch.setattr(idempotency, "find", find_late)

    assert direct.execute(order, key="one") == first
    assert len(receiver.received) == 1


def test_after_a_lost_process_the_same_key_tells_of_the_failure(order, receiver, monkeypatch):
    def die(attempt):
        raise KeyboardInterrupt

    monkeypatch.setattr(direct, "_deliver", die)
    with pytest.raises(KeyboardInterrupt):
        direct.execute(order, key="one")
    monkeypatch.undo()
    factories.move(ActionRecord.objects.get(), timeout_at=timezone.now() - timedelta(seconds=1))
    promote()

    executed = direct.execute(order, key="one")

    assert (executed.status, executed.ambiguous) == ("failed", True)
    assert receiver.received == []


# --- approval ------------------------------------------------------------------------------------


def test_what_needs_approval_is_held_and_says_so(acme, receiver, order, start_dispatcher):
    actions.update_definition(
        definition=ActionDefinition.objects.get(),
        requires_approval=True,
    )

    executed, again = (direct.execute(order, key="one") for _ in range(2))

    assert executed == again
    assert (executed.status, executed.ambiguous) == (Status.HELD, False)
    assert executed.error == "It waits for approval: ask for its record."
    record = ActionRecord.objects.get()
    assert record.events.get(kind="held").detail["by"] == "key 7"
    assert receiver.received == []
    approvals.approve_record(record=record, actor="somebody else", reason="a test")
    assert direct.find(record.pk).error == "It waits for its turn: ask for its record."
    start_dispatcher()
    wait_until(lambda: direct.find(record.pk).status == Status.SUCCEEDED)


def test_what_is_denied_was_not_done(receiver, order):
    definition = ActionDefinition.objects.get()
    actions.update_definition(definition=definition, requires_approval=True)
    executed = direct.execute(order)

    approvals.deny_record(record=ActionRecord.objects.get(), actor="somebody", reason="No.")

    executed = direct.find(executed.record_id)
    assert (executed.status, executed.error) == ("canceled", "Denied by somebody: No.")
    assert not executed.ambiguous


# --- the lane, connections, accounts -------------------------------------------------------------


def test_failures_open_the_lanes_breaker(order, receiver):
    rounds.rounds.throttle.lanes.clear()
    receiver.otherwise = Answer(503)

    for _ in range(10):
        direct.execute(order)

    lane = Lane.objects.get()
    assert (lane.opened, lane.running_limit) == (1, 2)
    assert lane.reason == "paused for 1 s after 10 failures in a row: HTTP 503"
    with pytest.raises(BusyError, match="left alone for now"):
        direct.execute(order)


def test_a_429_pauses_the_lane_for_as_long_as_it_says(order, receiver):
    rounds.rounds.throttle.lanes.clear()
    receiver.otherwise = Answer(429, {"Retry-After": "7"})
    direct.execute(order)

    with pytest.raises(BusyError) as refused:
        direct.execute(order)

    assert 5 <= refused.value.retry_after <= 7


def test_a_lane_that_cannot_be_moved_is_no_matter_of_the_action(
    order, receiver, monkeypatch, caplog
):
    def fail(*_):
        raise DatabaseError("no")

    monkeypatch.setattr(rounds, "observe_answer", fail)

    assert direct.execute(order).status == Status.SUCCEEDED
    assert "is not counted" in caplog.text


def test_while_fifty_wait_no_connection_and_no_transaction_is_held(order, hidden):
    waiting = [in_thread(direct.execute, order) for _ in range(50)]
    wait_until(lambda: len(hidden.received) == 50)

    with connected() as own:
        held = own.execute(
            "SELECT count(*), count(*) FILTER (WHERE xact_start IS NOT NULL) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND backend_type = 'client backend'"
        ).fetchone()
    hidden.release()
    for thread, _ in waiting:
        thread.join()

    # This test's own, which is idle.
    assert held[0] <= 1
    assert held[1] == 0
    assert {told[0].status for _, told in waiting} == {"succeeded"}


def test_all_of_it_is_accounted_for(hidden, order, soon):
    direct.execute(order)
    hidden.release()
    direct.execute(order)
    lost = factories.move(
        ActionRecord.objects.get(pk=direct.execute(order).record_id),
        status="running",
        completed_at=None,
        timeout_at=timezone.now() + timedelta(seconds=40),
    )
    lost.events.exclude(kind="accepted").delete()

    (hour,) = reconciliation.reconcile().in_order

    assert hour.is_sound, str(hour)
    assert (hour.accepted, hour.succeeded, hour.failed, hour.in_flight) == (3, 1, 1, 1)


def test_a_replay_is_an_action_as_any_other(order, receiver):
    executed = direct.execute(order)

    again = services.replay_record(
        record=ActionRecord.objects.get(pk=executed.record_id), actor="a test"
    )

    record = ActionRecord.objects.get(pk=again.id)
    assert (record.status, record.once) == ("queued", False)


# --- dry run -------------------------------------------------------------------------------------


def test_a_dry_run_shows_what_is_sent_and_sends_nothing(acme, receiver, private_networks):
    secret = "Bearer s3cret-token-of-acme"
    credential = factories.make_credential(
        acme, secret={"Authorization": secret, "X-Api-Key": "another-s3cret"}
    )
    to = factories.make_receiving(
        acme, receiver.url, headers={"X-Tenant": "acme", "X-Api-Key": "configured"}
    )
    destinations.update_destination(destination=to, changes={"credential_id": credential.pk})
    factories.make_definition(acme, to=to)
    order = Order(acme.pk, "count", {"n": 1}, "key 7")

    shown = direct.dry_run(order)

    assert not ActionRecord.objects.exists()
    assert not IdempotencyKey.objects.exists()
    assert receiver.received == []
    assert "s3cret" not in str(shown)
    executed = direct.execute(order)
    (got,) = receiver.received
    assert (shown.method, shown.url, shown.body) == ("POST", receiver.url, got.body)
    sent = {name.lower(): value for name, value in got.headers.items()}
    of_the_connection = {"host", "accept", "accept-encoding", "user-agent", "content-length"}
    assert shown.headers.keys() == sent.keys() - of_the_connection
    ids = {name: str(executed.record_id) for name in ("x-arklow-actionid", "idempotency-key")}
    concealed = {"authorization": "[secret]", "x-api-key": "[secret]"}
    wanted = {name: sent[name] for name in shown.headers}
    assert {**shown.headers, **ids} == {**wanted, **concealed}


@pytest.mark.parametrize("kind", ["http_basic", "http_bearer", "oauth2_client_credentials", None])
def test_a_dry_run_names_the_header_of_every_credential(acme, private_networks, kind):
    to = factories.make_destination(acme)
    if kind is not None:
        credential = factories.make_credential(acme, kind)
        destinations.update_destination(destination=to, changes={"credential_id": credential.pk})
    factories.make_definition(acme, to=to)

    shown = direct.dry_run(Order(acme.pk, "count", {"n": 1}, "key 7"))

    assert shown.headers.get("authorization") == (None if kind is None else "[secret]")


def test_a_dry_run_of_what_goes_to_a_broker_shows_the_message(acme):
    credential = factories.make_credential(acme, "gcp_service_account")
    topic = factories.make_destination(acme, "google_pubsub", credential_id=credential.pk)
    factories.make_definition(acme, to=topic)

    shown = direct.dry_run(Order(acme.pk, "count", {"n": 1}, "key 7"))

    name = f"projects/{topic.config['project_id']}/topics/{topic.config['topic_id']}"
    assert (shown.method, shown.url, shown.body) == ("Publish", name, b'{"n":1}')
    assert shown.headers == {"actionid": "0", "attempt": "0", "variant": "count"}


def test_the_loop_can_be_ended_and_begins_anew(order, receiver):
    assert direct.execute(order).status == Status.SUCCEEDED
    calls.close()
    calls.close()

    assert direct.execute(order).status == Status.SUCCEEDED


def test_a_fault_of_ours_is_failed_and_ambiguous(order, monkeypatch):
    async def fail(*_):
        raise RuntimeError("broken")

    monkeypatch.setattr("destinations.kinds.webhook.deliver", fail)

    executed = direct.execute(order)

    assert (executed.status, executed.ambiguous) == ("failed", True)
    assert executed.error == "Fault of Waybill: RuntimeError: broken"
