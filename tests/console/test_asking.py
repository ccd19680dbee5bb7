"""Before calls lead somewhere else, the console says where to, and changes nothing."""

from __future__ import annotations

import pytest
from django.utils import timezone

from actions import services
from destinations.models import Destination
from tests.factories import SCHEMA, make_definition, make_destination, make_member, make_sender
from tests.stored import everything_stored

WIDER = {**SCHEMA, "properties": {**SCHEMA["properties"], "note": {"type": "string"}}}


@pytest.fixture
def editor(client, acme):
    """Somebody of acme who may change definitions."""
    client.force_login(make_member(acme, "editor").user)
    client.get("/admin/definitions/")
    return client


@pytest.fixture
def versions(acme):
    """Two of a variant; the first has an alias."""
    first = make_definition(acme, "orders", to=make_destination(acme, label="CRM"), alias=["live"])
    return first, make_definition(acme, "orders", schema=WIDER)


def post(client, definition, part, **posted):
    return client.post(f"/admin/definitions/{definition.pk}/{part}/", posted)


def ask(client, definition, part, **posted):
    """The question that stands there instead of a change."""
    before = everything_stored()
    answer = post(client, definition, part, **posted)
    assert answer.status_code == 200
    assert everything_stored() == before
    return answer.context["question"], answer


def say_yes(client, definition, part, question):
    answer = post(client, definition, part, **question.posted)
    assert answer.status_code == 302
    return answer


def names_of(definition):
    return set(definition.names.values_list("name", flat=True))


def default_of(definition):
    return definition.links.get(is_default=True).destination.label


def test_an_alias_that_moves_is_asked_about_with_both_versions(editor, versions):
    first, second = versions
    make_sender(first, "key 7")

    question, page = ask(editor, second, "alias", name="live")

    assert question.title == "Move live from orders v1 to orders v2?"
    assert question.told[0] == (
        "live leads to orders v1 now. From the next call on, actions that are handed in as live "
        "are judged by the contract of orders v2 and go to CRM."
    )
    assert "Who has sent orders v1 last" in page.text
    assert "key 7" in page.text
    say_yes(editor, second, "alias", question)
    assert (names_of(first), names_of(second)) == (set(), {"live"})


def test_an_alias_that_nobody_has_is_added_at_once(editor, versions):
    assert post(editor, versions[1], "alias", name="beta").status_code == 302
    # And one that is here already stays.
    assert post(editor, versions[1], "alias", name="beta").status_code == 302

    assert names_of(versions[1]) == {"beta"}


def test_an_alias_that_has_moved_meanwhile_is_asked_about_anew(editor, acme, versions):
    second = versions[1]
    question, _ = ask(editor, second, "alias", name="live")
    third = make_definition(acme, "orders", schema=True, alias=["live"])

    again, _ = ask(editor, second, "alias", **question.posted)

    assert again.title == "Move live from orders v3 to orders v2?"
    assert names_of(third) == {"live"}


def test_a_version_without_a_default_leads_to_the_sink(editor, acme):
    make_definition(acme, "notes", alias=["memo"])
    second = make_definition(acme, "notes", schema=WIDER)

    question, _ = ask(editor, second, "alias", name="memo")

    assert "go to the organization's default sink, which keeps" in question.told[0]


def test_an_alias_is_removed_once_it_is_said_what_a_call_by_it_gets_then(editor, api, versions):
    first, _ = versions

    question, page = ask(editor, first, "alias/remove", name="live")

    assert question.title == "Remove live?"
    assert question.told[0].startswith("live leads to orders v1 now. From the next call on")
    assert "Nobody has been seen sending orders v1." in page.text
    say_yes(editor, first, "alias/remove", question)
    assert names_of(first) == set()
    # As it was said.
    refused = api.post("/v1/ingress/live", {"input": {"n": 1}})
    assert "(400, UNKNOWN_VARIANT)" in question.told[0]
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, "UNKNOWN_VARIANT")


def test_what_is_no_alias_of_it_is_not_asked_about(editor, versions):
    assert post(editor, versions[1], "alias/remove", name="live").status_code == 302

    assert names_of(versions[0]) == {"live"}


def test_another_default_is_asked_about_with_both_destinations(editor, acme, versions):
    first, second = versions
    other = make_destination(acme, label="Warehouse")

    question, _ = ask(editor, first, "link", destination=other.pk, default="1")

    assert question.title == "Make Warehouse the default of orders v1?"
    assert question.told == [
        "New actions of orders v1 go to CRM now, and to Warehouse from the next one on. Actions "
        "that were accepted before keep their destination."
    ]
    say_yes(editor, first, "link", question)
    assert (default_of(first), default_of(second)) == ("Warehouse", "CRM")


def test_a_first_default_takes_actions_from_the_sink_and_may_be_paused(editor, acme):
    notes = make_definition(acme, "notes")
    hook = make_destination(acme, label="Wiki")
    Destination.objects.filter(pk=hook.pk).update(paused_at=timezone.now())

    question, _ = ask(editor, notes, "link", destination=hook.pk, default="1")

    assert question.told[0].startswith("New actions of notes v1 go to the organization's default")
    assert question.told[1] == "Wiki is paused: they queue up until it is resumed."
    say_yes(editor, notes, "link", question)
    assert default_of(notes) == "Wiki"


def test_a_default_that_is_another_one_meanwhile_is_asked_about_anew(editor, acme, versions):
    first, _ = versions
    other, third = make_destination(acme, label="B"), make_destination(acme, label="C")
    question, _ = ask(editor, first, "link", destination=other.pk, default="1")
    services.link_destination(definition=first, destination_id=third.pk, is_default=True)

    again, _ = ask(editor, first, "link", **question.posted)

    assert "go to C now, and to B" in again.told[0]
    assert default_of(first) == "C"


def test_a_link_that_moves_nothing_is_made_at_once(editor, acme, versions):
    first, _ = versions
    other = make_destination(acme)

    assert post(editor, first, "link", destination=other.pk).status_code == 302
    now = first.links.get(is_default=True).destination_id
    assert post(editor, first, "link", destination=now, default="1").status_code == 302

    assert first.links.count() == 2
    assert default_of(first) == "CRM"


def test_unlinking_says_where_actions_go_then(editor, acme, versions):
    first, _ = versions
    other = make_destination(acme, label="Other")
    services.link_destination(definition=first, destination_id=other.pk)
    default = first.links.get(is_default=True).destination

    asked, _ = ask(editor, first, "unlink", destination=default.pk)
    beside, _ = ask(editor, first, "unlink", destination=other.pk)

    assert (asked.title, beside.title) == ("Unlink CRM?", "Unlink Other?")
    assert "orders v1 leads to the organization's default sink" in asked.told[0]
    assert beside.told[0] == "It is not the default: actions go on as they did."
    # Another default since then is another question.
    services.link_destination(definition=first, destination_id=other.pk, is_default=True)
    ask(editor, first, "unlink", **beside.posted)
    say_yes(editor, first, "unlink", ask(editor, first, "unlink", destination=other.pk)[0])
    assert not first.links.filter(destination=other).exists()


def test_deleting_a_version_says_what_calls_lead_to_then(editor, versions):
    first, second = versions

    question, _ = ask(editor, second, "delete")
    assert (
        question.told[-1]
        == "What is handed in as orders, without a version, leads to orders v1 then."
    )
    assert "is refused" not in " ".join(question.told)
    say_yes(editor, second, "delete", question)

    last, _ = ask(editor, first, "delete")
    assert last.title == "Delete orders v1?"
    assert last.told[1].startswith("What is handed in as live is refused as an unknown action")
    assert last.told[2].startswith("What is handed in as orders, without a version, is refused")
    say_yes(editor, first, "delete", last)
    first.refresh_from_db()
    assert first.deleted_at


@pytest.mark.parametrize("part", ["link", "unlink"])
@pytest.mark.parametrize("asked", ["", "x", "0", str(2**70)])
def test_what_names_no_destination_is_refused_in_words(editor, versions, part, asked):
    posted = {"destination": asked, "default": "1"}
    answer = editor.post(f"/admin/definitions/{versions[0].pk}/{part}/", posted, follow=True)

    assert "destination 0" in answer.text
    assert default_of(versions[0]) == "CRM"


def test_a_question_takes_the_same_queries_for_any_number(
    editor, acme, versions, django_assert_num_queries
):
    first, second = versions
    ask(editor, second, "alias", name="live")

    def count():
        with django_assert_num_queries(12):
            post(editor, second, "alias", name="live")

    count()
    for number in range(10):
        make_sender(first, f"key {number}")
        make_destination(acme)
    count()
