"""`Idempotency-Key`: a call that is repeated has its effect once, and its first answer again."""

from __future__ import annotations

import threading
from datetime import timedelta

import orjson
import pytest
from django.contrib.postgres.functions import TransactionNow
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actions import services as actions
from dispatch import idempotency, intake
from dispatch.models import ActionRecord, IdempotencyKey
from tests import factories
from tests.client import ApiClient, codes
from tests.dispatch.concurrency import at_once
from tests.dispatch.counting import count_rows

ONE = {"input": {"n": 1}}
PATHS = {
    "/v1/ingress/count": ONE,
    "/v1/ingress": {"variant": "count", **ONE},
    "/v1/batch": {"actions": [{"variant": "count", **ONE}] * 3},
    "/v1/batch?atomic=true": {"actions": [{"variant": "count", **ONE}] * 3},
}
every_path = pytest.mark.parametrize("path", PATHS)


def post(api, path="/v1/ingress/count", body=None, key="k-1", **headers):
    return api.call(
        "POST", path, ONE if body is None else body, **{"idempotency-key": key, **headers}
    )


def age(**delta):
    """Make every key older."""
    IdempotencyKey.objects.update(created_at=TransactionNow() - timedelta(**delta))


# --- the same call again --------------------------------------------------------------------------


@every_path
def test_a_repeated_call_gets_its_first_answer_and_stores_nothing(api, definition, path):
    first = post(api, path, PATHS[path])
    stored = count_rows()

    again = [post(api, path, PATHS[path]) for _ in range(3)]

    assert first.status_code == 200
    assert "Idempotency-Replayed" not in first
    assert [answer.status_code for answer in again] == [200] * 3
    assert [answer["Idempotency-Replayed"] for answer in again] == ["true"] * 3
    assert {answer.content for answer in again} == {first.content}
    assert count_rows() == stored
    assert IdempotencyKey.objects.count() == 1


def test_the_first_answer_stands_whatever_has_become_of_its_definition(api, definition):
    first = post(api)
    actions.delete_definition(definition=definition)

    assert post(api).content == first.content
    assert codes(post(api, key="another")) == [("UNKNOWN_VARIANT", "/variant")]


def test_the_first_answer_outlives_its_record(api, definition):
    first = post(api)
    ActionRecord.objects.all().delete()

    assert post(api).content == first.content
    assert not ActionRecord.objects.exists()


def test_the_answer_of_a_batch_is_repeated_with_its_faults(api, definition):
    body = {"actions": [{"variant": "count", **ONE}, {"variant": "nothing", "input": "✓"}, None]}

    first, again = (post(api, "/v1/batch", body) for _ in range(2))

    assert again.content == first.content
    assert [item.keys() & {"id", "errors"} for item in api.data(again)["items"]] == [
        {"id"},
        {"errors"},
        {"errors"},
    ]


SAME = [
    # however it is spelt
    ("/v1/ingress/count", b' {"timeout":60.0, "tags" : {"b":"2","a":"1"}, "input":{"n":1}}'),
    # named by its path or by its body
    ("/v1/ingress", {"variant": "count", "timeout": 60, "tags": {"a": "1", "b": "2"}, **ONE}),
    # tags of the query are tags
    ("/v1/ingress/count?tag.a=1", {"timeout": 60, "tags": {"b": "2"}, **ONE}),
    # with or without a slash
    ("/v1/ingress/count/", {"timeout": 60, "tags": {"a": "1", "b": "2"}, **ONE}),
]


@pytest.mark.parametrize(("path", "body"), SAME)
def test_calls_that_ask_for_the_same_are_the_same(api, definition, path, body):
    first = post(api, body={"timeout": 60, "tags": {"a": "1", "b": "2"}, **ONE})

    assert post(api, path, body).content == first.content


def test_a_moment_is_the_same_however_its_offset_is_written(api, definition):
    first = post(api, body={"available_at": "2020-01-01T12:00:00Z", **ONE})

    assert post(api, body={"available_at": "2020-01-01T13:00:00+01:00", **ONE}).content == (
        first.content
    )


# --- another call under the same key --------------------------------------------------------------

OTHERS = [
    ("/v1/ingress/count", {"input": {"n": 2}}),
    ("/v1/ingress/count", {"input": {"n": 1.0}}),
    ("/v1/ingress/tally", ONE),
    ("/v1/ingress/count", {"version": 1, **ONE}),
    ("/v1/ingress/count", {"timeout": 60, **ONE}),
    ("/v1/ingress/count", {"tags": {"a": "1"}, **ONE}),
    ("/v1/ingress/count?tag.a=1", ONE),
    ("/v1/ingress/count", {"available_at": "2020-01-01T12:00:00Z", **ONE}),
    ("/v1/batch", {"actions": [{"variant": "count", **ONE}]}),
]


@pytest.mark.parametrize(("path", "body"), OTHERS)
def test_another_call_under_the_same_key_is_409_and_stores_nothing(api, definition, path, body):
    actions.update_definition(definition=definition, alias=["tally"])
    first = post(api)
    stored = count_rows()

    answer = post(api, path, body)

    assert answer.status_code == 409
    assert codes(answer) == [("IDEMPOTENCY_KEY_REUSED", None)]
    assert count_rows() == stored
    assert post(api).content == first.content


BATCH = {"actions": [{"variant": "count", **ONE}, {"variant": "count", "input": {"n": 2}}]}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/batch?atomic=true", BATCH),
        ("/v1/batch?tag.a=1", BATCH),
        ("/v1/batch", {"actions": BATCH["actions"][::-1]}),
        ("/v1/batch", {"actions": BATCH["actions"][:1]}),
        # wrong in another way
        ("/v1/batch", {"actions": [BATCH["actions"][0], "wrong"]}),
    ],
)
def test_another_batch_under_the_same_key_is_409(api, definition, path, body):
    api.data(post(api, "/v1/batch", BATCH))

    assert codes(post(api, path, body)) == [("IDEMPOTENCY_KEY_REUSED", None)]


def test_keys_are_an_organizations_own(api, globex, globex_api, acme, definition):
    factories.make_definition(globex)
    ours, theirs = post(api), post(globex_api, body={"input": {"n": 2}})

    assert [ours.status_code, theirs.status_code] == [200, 200]
    assert sorted(IdempotencyKey.objects.values_list("org_id", flat=True)) == [acme.pk, globex.pk]


# --- what is not kept -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/ingress/count", {"input": {"n": "x"}}),
        ("/v1/ingress/count", {"inputs": 1}),
        ("/v1/ingress/count", b"{"),
        ("/v1/ingress/nothing", ONE),
        ("/v1/batch", {"actions": []}),
        ("/v1/batch?atomic=true", {"actions": [{"variant": "count", **ONE}, "wrong"]}),
    ],
)
def test_a_refused_call_leaves_its_key_free(api, definition, path, body):
    assert post(api, path, body).status_code == 400
    assert not IdempotencyKey.objects.exists()

    assert api.data(post(api))["id"]


def test_a_call_that_fails_after_it_took_its_key_leaves_it_free(api, definition, monkeypatch):
    def fail(*arguments):
        raise RuntimeError("no")

    with monkeypatch.context() as broken:
        broken.setattr(intake, "store", fail)
        assert post(api).status_code == 500
    assert not IdempotencyKey.objects.exists()

    assert api.data(post(api))["id"]


def test_too_many_lanes_leave_neither_lane_nor_key(api, definition, monkeypatch):
    monkeypatch.setattr("dispatch.lanes.MAX_LANES", 1)
    before = count_rows()
    actions_ = [{"variant": "count", "tags": {"n": str(n)}, **ONE} for n in range(2)]

    answer = post(api, "/v1/batch?atomic=true", {"actions": actions_})

    assert codes(answer) == [("TAG_CARDINALITY_EXCEEDED", "/actions/1/tags")]
    assert count_rows() == before
    assert not IdempotencyKey.objects.exists()


# --- time -----------------------------------------------------------------------------------------


def test_a_key_is_free_again_after_a_day(api, definition):
    first = post(api)
    age(hours=23, minutes=59)
    assert post(api).content == first.content
    age(hours=24)

    second = post(api, body={"input": {"n": 2}})

    assert api.data(second)["id"] != api.data(first)["id"]
    assert post(api, body={"input": {"n": 2}}).content == second.content
    assert codes(post(api)) == [("IDEMPOTENCY_KEY_REUSED", None)]
    assert IdempotencyKey.objects.count() == 1


# --- the key itself -------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["", " ", "\t", "k" * 256, "a\x7fb", "a\x00b", "é", "🚀"])
@every_path
def test_what_is_no_key_is_400(api, definition, path, key):
    answer = post(api, path, PATHS[path], key=key)

    assert answer.status_code == 400
    assert codes(answer) == [("INVALID_IDEMPOTENCY_KEY", None)]
    assert not ActionRecord.objects.exists()


@pytest.mark.parametrize("key", ["k", "k" * 255, '"8e03978e-40d5"', " a b ", "~!@#$%^&*()"])
def test_a_key_is_any_printable_text(api, definition, key):
    assert post(api, key=key).content == post(api, key=key).content
    assert IdempotencyKey.objects.get().key == key.strip()


def test_a_stranger_with_a_key_gets_no_answer(acme, api, definition):
    api.data(post(api))

    assert post(ApiClient(acme, None)).status_code == 401


# --- cost -----------------------------------------------------------------------------------------


def test_a_first_call_takes_three_queries_more_and_a_repeated_one_one_less(
    api, definition, django_assert_num_queries
):
    for n in range(2):
        api.data(post(api, key=f"warm {n}"))

    # The key is looked for, taken and kept; around that, the savepoint of a test.
    with django_assert_num_queries(3 + 3 + 2):
        api.data(post(api))
    with django_assert_num_queries(2):
        api.data(post(api))


# --- at the same time -----------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@every_path
def test_concurrent_duplicates_have_one_effect_and_equal_answers(api, definition, path):
    answers = at_once(lambda n: post(api, path, PATHS[path]), range(8))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotency-Replayed" in answer for answer in answers) == 7
    assert ActionRecord.objects.count() == (3 if "batch" in path else 1)


@pytest.mark.django_db(transaction=True)
def test_of_concurrent_calls_that_differ_under_one_key_one_wins(api, definition):
    answers = at_once(lambda n: post(api, body={"input": {"n": n % 2}}), range(8))

    assert sorted(answer.status_code for answer in answers) == [200] * 4 + [409] * 4
    assert len({answer.content for answer in answers if answer.status_code == 200}) == 1
    assert ActionRecord.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_concurrent_calls_take_over_an_old_key_once(api, definition):
    first = post(api)
    age(hours=25)

    answers = at_once(lambda n: post(api, body={"input": {"n": 2}}), range(8))

    assert {answer.status_code for answer in answers} == {200}
    (second,) = {answer.content for answer in answers}
    assert second != first.content
    assert ActionRecord.objects.count() == 2
    assert IdempotencyKey.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_who_waited_for_a_call_that_was_rolled_back_goes_ahead(acme, api, definition):
    """The first one has the key and fails; seven wait for it, of which one then stores."""
    taken, failing = threading.Event(), threading.Event()
    asked = intake.Submission("count", ONE["input"]).content()
    call = idempotency.Call.of(acme.pk, "k-1", asked)

    def act(n):
        if n:
            assert taken.wait(10)
            threading.Timer(0.3, failing.set).start()
            return post(api)
        with transaction.atomic():
            assert idempotency.take(call) is None
            taken.set()
            assert failing.wait(10)
            transaction.set_rollback(True)
        return None

    answers = at_once(act, range(8))[1:]

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert ActionRecord.objects.count() == IdempotencyKey.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_who_waits_for_a_key_waits_without_the_locks_of_lanes(acme, api, definition):
    """Somebody else's new lane is made while a duplicate still waits for its key."""
    asked = intake.Submission("count", ONE["input"]).content()
    held = threading.Event()
    stored = threading.Event()

    def act(role):
        if role == "holder":
            with transaction.atomic():
                assert idempotency.take(idempotency.Call.of(acme.pk, "k-1", asked)) is None
                held.set()
                assert stored.wait(10)
                transaction.set_rollback(True)
            return 200
        assert held.wait(10)
        if role == "duplicate":
            return post(api).status_code
        answer = post(api, body={"tags": {"new": "lane"}, **ONE}, key="k-2")
        stored.set()
        return answer.status_code

    assert at_once(act, ["holder", "duplicate", "stranger"]) == [200] * 3
    assert ActionRecord.objects.count() == 2


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3)
    ),
    max_leaves=5,
)


@pytest.mark.django_db(transaction=True)
def test_whatever_is_handed_in_concurrent_duplicates_have_one_record(acme, api, webhook):
    factories.make_definition(acme, "any", to=webhook, schema={})

    @settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(JSON, min_size=1, max_size=3), st.integers(2, 4))
    def check(inputs, callers):
        IdempotencyKey.objects.all().delete()
        before = ActionRecord.objects.count()
        body = orjson.dumps({"actions": [{"variant": "any", "input": one} for one in inputs]})

        answers = at_once(lambda n: post(api, "/v1/batch", body), range(callers))

        assert len({answer.content for answer in answers}) == 1
        assert answers[0].status_code == 200
        assert ActionRecord.objects.count() == before + len(inputs)

    check()
