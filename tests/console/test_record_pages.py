"""One action: its page, its timeline, and what people decide about it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from console.records import deciding, one
from destinations import services
from dispatch import intake
from dispatch.intake import Submission
from dispatch.models import ActionEvent, ActionPayload, ActionRecord
from orgs.models import User
from tests import factories
from tests.console.looking import member_of, staff_with

pytestmark = pytest.mark.django_db
REASON = {"reason": "It was agreed on."}
ANSWER = {
    "attempt": 0, "status": 503, "headers": {"retry-after": "5"}, "body": "<b>busy", "is_cut": True,
}  # fmt: skip


def url(record, name="record"):
    return reverse(f"console:{name}", args=[record.pk])


def verb_url(record, verb):
    return url(record, f"record_{verb}")


def page_of(client, record, name="record"):
    return client.get(url(record, name)).content.decode()


def offered(client, record):
    page = page_of(client, record, "record_timeline")
    return {verb for verb in deciding.DECISIONS if verb_url(record, verb) in page}


@pytest.fixture
def held(acme, webhook):
    factories.make_definition(acme, to=webhook, requires_approval=True)
    return hand_in(acme, "key 1")


def hand_in(org, actor):
    submission = Submission("count", {"n": 1})
    (accepted,) = intake.accept(org.pk, [submission], atomic=True, actor=actor)
    return ActionRecord.objects.get(pk=accepted.id)


@pytest.fixture
def retried(record):
    """An action that has failed once, and waits for its second attempt."""
    ActionPayload.objects.update(answers=[ANSWER])
    ActionEvent.objects.create(
        record=record, kind="retried", status="scheduled", attempt=0, milliseconds=84,
        detail={"verdict": "unavailable", "message": "HTTP 503: busy", "http_status": 503},
    )  # fmt: skip
    return factories.move(
        record, status="scheduled", attempt=1, failures=1, error_message="HTTP 503: busy"
    )


def test_a_page_tells_all_of_an_action(admin_client, acme, webhook):
    factories.make_definition(acme, to=webhook)
    record = factories.make_record(acme, tags={"tenant": "initech"})

    page = page_of(admin_client, record)

    for part in ("tenant=initech", "&quot;n&quot;: 1", "Accepted", "count v1", "Acme", "queued"):
        assert part in page
    assert reverse("admin:destinations_destination_change", args=[webhook.pk]) in page
    assert reverse("console:definition", args=[record.definition_id]) in page
    assert f"q=action+record+{record.pk}" in page
    assert "idempotency-key: " in page


def test_another_organizations_action_is_not_found(acme, globex, record):
    stranger = member_of(globex, "owner")

    for name in ("record", "record_timeline", "record_input", "record_replay", "record_cancel"):
        assert stranger.get(url(record, name)).status_code == 404
    assert stranger.post(verb_url(record, "cancel")).status_code == 404
    assert member_of(acme).get(url(record)).status_code == 200
    record.refresh_from_db()
    assert record.status == "queued"


def test_who_may_not_look_is_refused(record):
    nobody = staff_with("view_lane")

    for name in ("record", "record_timeline", "record_input"):
        assert nobody.get(url(record, name)).status_code == 403


def test_the_timeline_tells_each_attempt_with_its_answer(admin_client, retried):
    page = page_of(admin_client, retried, "record_timeline")

    assert "Attempt 1 failed, to be retried" in page
    assert "84 ms" in page
    assert "HTTP 503" in page
    assert "retry-after: 5" in page
    assert "&lt;b&gt;busy…" in page
    assert "Attempt 2 is due" in page
    assert "1 of 12" in page


def test_the_timeline_asks_again_until_the_action_is_over(admin_client, retried):
    page = page_of(admin_client, retried, "record_timeline")
    assert 'hx-trigger="every 2s [!document.hidden]"' in page
    assert f'hx-get="{url(retried, "record_timeline")}"' in page

    factories.move(retried, status="succeeded", completed_at=retried.created_at)
    page = page_of(admin_client, retried, "record_timeline")
    assert 'hx-trigger="every' not in page


@pytest.mark.parametrize(
    "waiting",
    [{"status": "held"}, {"status": "ack_wait", "updated_at": timezone.now() - timedelta(hours=1)}],
)
def test_the_timeline_of_what_waits_for_long_asks_less_often(admin_client, retried, waiting):
    factories.move(retried, timeout_at=retried.created_at, **waiting)

    assert 'hx-trigger="every 10s ' in page_of(admin_client, retried, "record_timeline")


def test_a_look_at_the_timeline_reads_no_payload_and_takes_few_queries(
    admin_client, retried, django_assert_num_queries
):
    # The session, the person, the action, its events, its answers.
    with django_assert_num_queries(5) as asked:
        page = page_of(admin_client, retried, "record_timeline")
    assert not any('"input"' in query["sql"] for query in asked.captured_queries)
    assert "<html" not in page
    assert "&quot;n&quot;: 1" not in page


def test_a_page_takes_as_many_queries_however_much_has_happened(
    admin_client, retried, django_assert_num_queries
):
    # Besides those of its timeline: the payload, and the keys to send it with.
    with django_assert_num_queries(7):
        page_of(admin_client, retried)
    for number in range(30):
        ActionEvent.objects.create(record=retried, kind="late", status="scheduled", attempt=number)
    with django_assert_num_queries(7):
        page_of(admin_client, retried)


def test_a_payload_is_escaped_and_cut_with_a_way_to_all_of_it(admin_client, acme):
    factories.make_definition(acme, schema=True)
    record = factories.make_record(acme, input=["<script>", "x" * 200_000])
    page = page_of(admin_client, record)

    assert "&lt;script&gt;" in page
    assert "x" * (one.SHOWN_CHARACTERS + 1) not in page
    assert "The first 100,000 of" in page
    whole = admin_client.get(url(record, "record_input"))
    assert whole.json() == ["<script>", "x" * 200_000]
    assert whole["Content-Disposition"].startswith("attachment")
    assert admin_client.get(url(record, "record_result")).status_code == 404


def test_a_payload_that_is_gone_is_said_to_be(admin_client, retried):
    ActionPayload.objects.all().delete()

    page = page_of(admin_client, retried)

    assert "No longer kept" in page
    assert "&lt;b&gt;busy" not in page
    assert "Attempt 1 failed" in page
    assert admin_client.get(url(retried, "record_input")).status_code == 404


def test_a_result_is_shown(admin_client, record):
    ActionPayload.objects.update(result=b'{"sum":7}')

    assert "&quot;sum&quot;: 7" in page_of(admin_client, record)
    assert admin_client.get(url(record, "record_result")).json() == {"sum": 7}


def test_the_request_is_without_secrets_and_signatures(admin_client, acme):
    credential = factories.make_credential(acme, "http_bearer", secret={"token": "pl4nted-token"})
    webhook = factories.make_destination(
        acme, credential_id=credential.pk, signing_key_id=factories.make_signing_key(acme).pk
    )
    factories.make_definition(acme, to=webhook)
    page = page_of(admin_client, factories.make_record(acme))

    assert "authorization: [secret]" in page
    assert "webhook-signature: [secret]" in page
    assert "pl4nted" not in page
    assert "v1," not in page


def test_a_sealed_body_is_shown_without_its_seal(admin_client, acme):
    factories.make_signing_key(acme)
    webhook = factories.make_destination(acme, protocol="gateway")
    factories.make_definition(acme, to=webhook)
    page = page_of(admin_client, factories.make_record(acme))

    assert "&quot;action_name&quot;:&quot;count&quot;" in page
    assert "&quot;signature&quot;:&quot;[secret]&quot;" in page


@pytest.mark.parametrize("kind", ["sdk", "default_sink"])
def test_where_nothing_is_sent_no_request_is_shown(admin_client, acme, kind):
    factories.make_definition(acme, to=factories.make_destination(acme, kind))

    assert "Nothing is sent to a destination of type" in page_of(
        admin_client, factories.make_record(acme)
    )


def sent_by(client, record, number=0):
    """The answer that shows what an attempt has sent."""
    return client.get(reverse("console:record_request", args=[record.pk, number]))


def test_an_attempt_shows_what_it_has_sent(admin_client, retried, webhook):
    url_then = webhook.config["url"]
    config = {"url": "https://elsewhere.example.com/", "headers": {"x-team": "b"}}
    services.update_destination(destination=webhook, changes={"config": config})
    timeline = page_of(admin_client, retried, "record_timeline")
    assert reverse("console:record_request", args=[retried.pk, 0]) in timeline

    page = sent_by(admin_client, retried).content.decode()

    assert f"POST {url_then}" in page
    assert "x-arklow-attempt: 0" in page
    assert "&quot;n&quot;:1" in page
    assert "elsewhere" not in page
    assert "<html" not in page


def test_what_an_attempt_has_sent_takes_few_queries(
    admin_client, retried, django_assert_num_queries
):
    # The session, the person, the action, its events, what was handed in, the audit, the keys.
    with django_assert_num_queries(7):
        assert sent_by(admin_client, retried).status_code == 200


def test_what_was_never_sent_is_not_found(admin_client, retried):
    assert sent_by(admin_client, retried, 1).status_code == 404
    assert sent_by(admin_client, retried, 2**40).status_code == 404
    ActionEvent.objects.update(detail={"sent": False})
    assert sent_by(admin_client, retried).status_code == 404
    url = reverse("console:record_request", args=[retried.pk, 0])
    assert url not in page_of(admin_client, retried, "record_timeline")


def test_what_was_sent_is_not_told_once_it_is_gone(admin_client, retried):
    ActionPayload.objects.all().delete()

    assert "no longer kept" in sent_by(admin_client, retried).content.decode()


def test_what_was_sent_is_for_who_may_look(acme, globex, retried):
    assert sent_by(member_of(acme), retried).status_code == 200
    assert sent_by(member_of(globex, "owner"), retried).status_code == 404
    page = sent_by(staff_with("view_actionrecord"), retried).content.decode()
    assert "You may not look at its destination." in page
    assert "POST" not in page


def test_a_success_shows_what_was_answered(admin_client, record):
    ActionPayload.objects.update(answers=[ANSWER | {"status": 200, "body": "stored as 7"}])
    ActionEvent.objects.create(
        record=record, kind="delivered", status="ack_wait", attempt=0, milliseconds=84,
        detail={"verdict": "mod_ack", "http_status": 200},
    )  # fmt: skip
    ActionEvent.objects.create(record=record, kind="succeeded", status="succeeded", attempt=0)

    page = page_of(admin_client, record, "record_timeline")

    assert page.count("stored as 7") == page.count("<summary>Request</summary>") == 1


def test_what_is_held_does_not_show_what_would_be_sent(admin_client, held):
    page = page_of(admin_client, held)

    assert "what would be sent is not shown before" in page
    assert "idempotency-key" not in page


def test_what_makes_sense_is_offered(admin_client, held):
    assert offered(admin_client, held) == {"approve", "deny", "cancel"}
    factories.move(held, status="queued", timeout_at=None)
    assert offered(admin_client, held) == {"cancel"}
    factories.move(held, status="failed", completed_at=held.created_at)
    assert offered(admin_client, held) == {"replay"}


@pytest.mark.parametrize(
    ("permission", "verbs"),
    [
        ("viewer", set()),
        ("operator", {"cancel"}),
        ("admin", {"approve", "deny", "cancel"}),
    ],
)
def test_members_decide_what_the_api_lets_them(acme, held, permission, verbs):
    client = member_of(acme, permission)

    assert offered(client, held) == verbs
    for verb in ("approve", "deny", "cancel"):
        allowed = client.get(verb_url(held, verb)).status_code == 200
        assert allowed == (verb in verbs)
        if not allowed:
            assert client.post(verb_url(held, verb), REASON).status_code == 403
    held.refresh_from_db()
    assert held.status == "held"


@pytest.mark.parametrize(
    ("codenames", "allowed"),
    [
        (["view_actionrecord"], set()),
        # To cancel and to replay is not to approve.
        (["view_actionrecord", "change_actionrecord"], {"cancel"}),
        (["view_actionrecord", "approve_actionrecord"], {"approve", "deny"}),
    ],
)
def test_staff_decide_what_they_were_given(held, codenames, allowed):
    client = staff_with(*codenames)

    assert offered(client, held) == allowed


@pytest.mark.parametrize("verb", list(deciding.DECISIONS))
def test_asking_changes_nothing_and_says_what_will_happen(admin_client, held, verb):
    page = admin_client.get(verb_url(held, verb)).content.decode()

    assert deciding.DECISIONS[verb].told[:40] in page
    assert f"{verb.capitalize()} action {held.pk}?" in page
    held.refresh_from_db()
    assert (held.status, ActionRecord.objects.count()) == ("held", 1)


@pytest.mark.parametrize(("verb", "status"), [("approve", "queued"), ("deny", "canceled")])
def test_a_decision_takes_a_reason(admin_client, held, verb, status):
    for asked in ({}, {"reason": ""}, {"reason": " "}, {"reason": "x" * 1_001}):
        page = admin_client.post(verb_url(held, verb), asked).content.decode()
        assert deciding.NO_REASON in page
    held.refresh_from_db()
    assert held.status == "held"

    assert admin_client.post(verb_url(held, verb), REASON).url == url(held)

    held.refresh_from_db()
    assert held.status == status
    detail = held.events.order_by("id").last().detail
    assert detail["reason"] == "It was agreed on."
    assert detail["by"] == User.objects.get(is_superuser=True).email
    assert "It was agreed on." in page_of(admin_client, held)


def test_a_second_decision_is_told_to_be_too_late(admin_client, held):
    admin_client.post(verb_url(held, "approve"), REASON)

    page = admin_client.post(verb_url(held, "deny"), REASON).content.decode()

    assert "The action is not held: it is queued." in page


def test_who_has_handed_it_in_does_not_approve_it(admin_client, acme, held):
    own = hand_in(acme, User.objects.get(is_superuser=True).email)

    page = admin_client.post(verb_url(own, "approve"), REASON).content.decode()

    assert "Somebody else than who has handed it in approves it." in page
    own.refresh_from_db()
    assert own.status == "held"


def test_canceling_ends_the_action_by_name(admin_client, admin_user, record):
    answer = admin_client.post(verb_url(record, "cancel"), follow=True)

    record.refresh_from_db()
    assert record.status == "canceled"
    assert admin_user.email in record.error_message
    assert f"Action {record.pk} is canceled." in answer.content.decode()


def test_replaying_opens_the_new_action(admin_client, acme, definition):
    failed = factories.make_over(acme)
    answer = admin_client.post(verb_url(failed, "replay"))

    replay = ActionRecord.objects.get(replay_of=failed.pk)
    assert answer.url == url(replay)
    assert url(failed) in page_of(admin_client, replay)
    assert url(replay) in page_of(admin_client, failed)


@pytest.mark.parametrize(("verb", "status"), [("cancel", "failed"), ("replay", "queued")])
def test_what_has_moved_on_is_told(admin_client, record, verb, status):
    over = record.created_at if status == "failed" else None
    factories.move(record, status=status, completed_at=over)

    page = admin_client.post(verb_url(record, verb)).content.decode()

    assert 'role="alert"' in page
    assert "The action is " in page


def test_nothing_is_decided_without_the_token_of_the_form(admin_user, record):
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)

    assert client.post(verb_url(record, "cancel")).status_code == 403
    record.refresh_from_db()
    assert record.status == "queued"


def test_the_first_page_counts_what_waits_for_approval(admin_client, held):
    page = admin_client.get(reverse("admin:index"))

    assert "1 waits for approval" in page.content.decode()
    assert f"{reverse('console:records')}?status=held" in page.content.decode()
