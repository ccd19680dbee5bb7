"""Definitions in the console: the list, a version, two side by side, and writing the next."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from actions import browsing, services
from actions.consumers import python
from actions.models import ActionDefinition, DefinitionName
from operations.models import VersionUsage
from tests.console.looking import staff_with
from tests.factories import SCHEMA, make_definition, make_destination, make_member, make_sender

pytestmark = pytest.mark.django_db
LIST = "/admin/definitions/"
WIDER = {**SCHEMA, "properties": {**SCHEMA["properties"], "note": {"type": "string"}}}


@pytest.fixture
def member(client, acme):
    """Signs in somebody of acme who has these permissions."""

    def sign_in(*permissions):
        client.force_login(make_member(acme, *permissions).user)
        return client

    return sign_in


def read(client, url, **query):
    answer = client.get(url, query)
    assert answer.status_code == 200, answer.content[:500]
    return answer.content.decode()


def page_of(definition, *more):
    return "/".join([f"/admin/definitions/{definition.pk}", *more, ""])


def test_the_list_tells_of_each_variant_once(member, acme):
    make_definition(acme, "orders.created", alias=["orders"])
    newest = make_definition(acme, "orders.created", to=make_destination(acme), schema=WIDER)
    make_sender(newest)

    page = read(member("viewer"), LIST)

    assert page.count("orders.created</a>") == 1
    assert "v2" in page
    assert "webhook 0" in page
    assert page_of(newest) in page


def test_the_list_takes_the_same_queries_for_one_variant_and_for_many(
    member, acme, django_assert_num_queries
):
    client = member("viewer")
    to = make_destination(acme)
    make_definition(acme, "v0", to=to, alias=["a0"])
    read(client, LIST)
    with django_assert_num_queries(8):
        read(client, LIST)
    for number in range(1, 20):
        make_definition(acme, f"v{number}", to=to, alias=[f"a{number}"])

    with django_assert_num_queries(8):
        read(client, LIST)


def test_the_list_goes_on_where_a_page_ended(member, acme, monkeypatch):
    for number in range(5):
        make_definition(acme, f"v{number}")
    monkeypatch.setattr("actions.browsing.PAGE", 2)
    client, seen, url = member("viewer"), [], LIST

    while url:
        context = client.get(url).context
        seen += [line.about.variant for line in context["lines"]]
        url = context["next"]

    assert seen == ["v0", "v1", "v2", "v3", "v4"]


def test_what_begins_with_a_text_is_found_by_variant_and_alias(member, acme, globex):
    make_definition(acme, "orders.created", alias=["new-order"])
    make_definition(acme, "refunds")
    make_definition(globex, "orders.shipped")
    client = member("viewer")

    def find(text):
        lines = client.get(LIST, {"q": text}).context["lines"]
        return [(line.name.name, line.about.variant) for line in lines]

    assert find("ord") == [("orders.created", "orders.created")]
    assert find("new") == [("new-order", "orders.created")]
    assert find("rders") == []
    assert find("%") == []


def test_staff_look_at_all_organizations_and_find_in_all(admin_client, acme, globex):
    make_definition(acme, "orders")
    make_definition(globex, "orders")
    make_definition(globex, "zebra")

    lines = admin_client.get(LIST, {"q": "o"}).context["lines"]

    assert [(line.org.name, line.about.variant) for line in lines] == [
        ("Acme", "orders"),
        ("Globex", "orders"),
    ]
    assert len(admin_client.get(LIST).context["lines"]) == 3


def test_a_name_is_found_by_an_index(acme, explained):
    for number in range(300):
        make_name(acme, f"variant-{number:03}")

    for org_ids in ([acme.pk], None):
        plan = explained(lambda: browsing.list_names(org_ids=org_ids, begins="variant-1"))  # noqa: B023
        assert "definition_name_by_beginning" in plan


def test_a_version_is_shown_with_all_that_is_known_of_it(member, acme):
    first = make_definition(acme, "orders", alias=["orders.old"])
    newest = make_definition(acme, "orders", to=make_destination(acme), schema=WIDER)
    make_sender(newest, "key 7")
    day = datetime.now(UTC).date()
    VersionUsage.objects.create(org=acme, variant="orders", version=2, day=day, accepted=41)

    page = read(member("viewer"), page_of(newest))

    for text in ("orders.old", "webhook 0", "default", "key 7", ">41<", "&quot;note&quot;"):
        assert text in page
    assert f"{page_of(newest, 'compare')}?with={first.pk}" in page


def test_a_version_takes_a_bounded_number_of_queries(member, acme, django_assert_num_queries):
    client = member("admin")
    for number in range(10):
        schema = {**SCHEMA, "description": str(number)}
        made = make_definition(
            acme, "orders", schema=schema, alias=[f"a{number}"], to=make_destination(acme)
        )
        make_sender(made)
    read(client, page_of(made))

    with django_assert_num_queries(13):
        read(client, page_of(made))


def test_another_organizations_definition_is_not_there(member, acme, globex):
    theirs = make_definition(globex, "orders")
    client = member("owner")

    for parts in (*([], ["next"], ["example"], ["typescript"], ["compare"], ["findings"]),):
        assert client.get(page_of(theirs, *parts)).status_code == 404
    for parts in (["alias"], ["alias", "remove"], ["link"], ["unlink"], ["say"], ["delete"]):
        assert client.post(page_of(theirs, *parts)).status_code == 404
    assert client.get(f"/admin/try/{theirs.pk}/").status_code == 404


def test_two_versions_of_different_variants_are_not_compared(member, acme, globex):
    one, other = make_definition(acme, "orders"), make_definition(acme, "refunds")
    theirs = make_definition(globex, "orders")
    client = member("viewer")

    for asked in (other.pk, theirs.pk, "x", 2**70, ""):
        assert client.get(page_of(one, "compare"), {"with": asked}).status_code == 404


def test_two_versions_stand_side_by_side(member, acme):
    old = make_definition(acme, "orders")
    new = make_definition(acme, "orders", schema=WIDER)

    page = read(member("viewer"), page_of(old, "compare"), **{"with": new.pk})

    assert "/properties/note" in page
    assert "1 added" in page
    # The older one first, whichever was asked for.
    assert page.index("Schema of v1") < page.index("Schema of v2")


def test_it_is_told_which_payloads_a_version_refuses(member, acme):
    old = make_definition(acme, "orders")
    new = make_definition(acme, "orders", schema={**SCHEMA, "required": ["n", "m"]})

    told = read(member("viewer"), page_of(new, "findings"), **{"with": old.pk})

    assert "incompatible" in told


@pytest.mark.parametrize(
    ("offer", "text"),
    [
        ("typescript", "export"),
        ("python", "TypedDict"),
        ("markdown", "orders"),
        ("examples", '"items"'),
    ],
)
def test_what_consumers_need_is_downloaded(member, acme, offer, text):
    made = make_definition(acme, "orders")

    answer = member("viewer").get(page_of(made, offer))

    assert answer["Content-Disposition"].startswith("attachment")
    assert text in answer.content.decode()


def test_an_example_is_made_of_the_contract(member, acme):
    made = make_definition(acme, "orders")

    assert "&quot;n&quot;:" in read(member("viewer"), page_of(made, "example"))


# --- changing ------------------------------------------------------------------------------------


def change(client, definition, *parts, **posted):
    answer = client.post(page_of(definition, *parts), posted, follow=True)
    assert answer.status_code == 200
    if question := answer.context.get("question"):
        answer = client.post(page_of(definition, *parts), question.posted, follow=True)
    return [str(message) for message in answer.context["messages"]]


def test_an_alias_moves_to_the_version_it_is_given(member, acme):
    old = make_definition(acme, "orders", alias=["stable", "old"])
    new = make_definition(acme, "orders", schema=WIDER, alias=["beta"])

    change(member("editor"), new, "alias", name="stable")

    assert names_of(new) == ["beta", "stable"]
    assert names_of(old) == ["old"]


def test_an_alias_that_another_variant_has_is_refused_in_words(member, acme):
    make_definition(acme, "refunds", alias=["money"])
    made = make_definition(acme, "orders")

    (told,) = change(member("editor"), made, "alias", name="money")

    assert "is an alias of &#x27;refunds&#x27;" in told or "alias of 'refunds'" in told
    assert names_of(made) == []


def test_an_alias_is_removed_and_the_others_stay(member, acme):
    made = make_definition(acme, "orders", alias=["a", "b"])

    change(member("editor"), made, "alias", "remove", name="a")

    assert names_of(made) == ["b"]


def test_links_are_made_moved_and_taken_away(member, acme, globex):
    one, other, theirs = make_destination(acme), make_destination(acme), make_destination(globex)
    made = make_definition(acme, "orders", to=one)
    client = member("editor")

    change(client, made, "link", destination=other.pk, default="1")
    assert list(made.links.filter(is_default=True).values_list("destination", flat=True)) == [
        other.pk
    ]
    change(client, made, "unlink", destination=one.pk)
    assert made.links.count() == 1
    for asked in (theirs.pk, "", "x", 2**70):
        change(client, made, "link", destination=asked)
    assert made.links.count() == 1


def test_what_can_be_linked_is_offered_by_label(member, acme, globex):
    for label in ("a", "b", "c"):
        make_destination(acme, label=label)
    make_destination(globex, label="theirs")
    made = make_definition(acme, "orders", to=acme.destinations.get(label="c"))

    offered = member("editor").get(page_of(made)).context["linkable"]

    assert [one.label for one in offered][-2:] == ["a", "b"]
    assert not {"c", "theirs"} & {one.label for one in offered}


def test_what_is_said_of_a_version_is_stored(member, acme):
    made = make_definition(acme, "orders")

    change(
        member("editor"), made, "say",
        description="Text", compatibility="backward", open_content="lenient",
        deprecated_at="2026-01-31T12:00:00", sunset_at="2026-02-28T12:00",
    )  # fmt: skip

    made.refresh_from_db()
    assert (made.description, made.compatibility, made.open_content) == (
        "Text", "backward", "lenient",
    )  # fmt: skip
    assert made.deprecated_at == datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert made.sunset_at == datetime(2026, 2, 28, 12, tzinfo=UTC)


def test_a_moment_that_is_none_is_refused(member, acme):
    made = make_definition(acme, "orders")

    (told,) = change(member("editor"), made, "say", deprecated_at="tomorrow")

    assert "timestamp" in told


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"compatibility": "whatever"}, "is not one of"),
        ({"open_content": "whatever"}, "is not one of"),
        ({"description": "x" * 10_001}, "longer than 10000"),
    ],
)
def test_what_the_api_refuses_to_be_said_is_refused_here(member, acme, said, told):
    made = make_definition(acme, "orders")
    url = page_of(made, "say")

    answer = member("editor").post(url, {"description": "new", **said}, follow=True)

    assert told in answer.content.decode()
    made.refresh_from_db()
    assert made.description == ""


def test_what_no_column_holds_is_left_out_of_what_is_said(member, acme):
    made = make_definition(acme, "orders")
    client = member("editor")

    client.post(page_of(made, "say"), {"description": "a\0b"})
    client.post(page_of(made, "alias"), {"name": "or\0d"})

    made.refresh_from_db()
    assert made.description == "ab"
    assert [one.name for one in made.names.all()] == ["ord"]


def test_only_who_may_approve_lifts_the_need_for_it(member, acme):
    made = make_definition(acme, "orders", requires_approval=True)

    (told,) = change(member("editor"), made, "say")

    made.refresh_from_db()
    assert "permission" in told
    assert made.requires_approval
    change(member("admin"), made, "say")
    made.refresh_from_db()
    assert not made.requires_approval


def test_a_version_does_not_go_before_it_is_deprecated(member, acme):
    made = make_definition(acme, "orders")

    (told,) = change(
        member("editor"),
        made,
        "say",
        deprecated_at="2026-03-01T12:00",
        sunset_at="2026-02-01T12:00",
    )

    made.refresh_from_db()
    assert "not before" in told
    assert made.deprecated_at is None


@pytest.mark.parametrize("may_approve", [False, True])
def test_staff_lift_the_need_for_approval_only_where_they_may_approve(acme, may_approve):
    made = make_definition(acme, "orders", requires_approval=True)
    more = ["approve_actionrecord"] if may_approve else []
    client = staff_with("view_actiondefinition", "change_actiondefinition", *more)

    change(client, made, "say")

    made.refresh_from_db()
    assert made.requires_approval is not may_approve


def test_who_may_approve_takes_a_name_that_needed_it(member, acme):
    gone = make_definition(acme, "pay", requires_approval=True)
    services.delete_definition(definition=gone)
    made = make_definition(acme, "orders")

    change(member("editor"), made, "alias", name="pay")
    assert names_of(made) == []
    change(member("admin"), made, "alias", name="pay")
    assert names_of(made) == ["pay"]


def test_why_there_are_no_types_is_said(member, acme, monkeypatch):
    made = make_definition(acme, "orders")
    monkeypatch.setattr(python.seats, "count", 0)

    assert python.BUSY in read(member("viewer"), page_of(made, "python"))


def test_a_version_is_deleted(member, acme):
    made = make_definition(acme, "orders")
    client = member("editor")

    change(client, made, "delete")

    made.refresh_from_db()
    assert made.deleted_at
    page = read(client, page_of(made))
    assert "deleted" in page
    assert page_of(made, "alias") not in page


@pytest.mark.parametrize("parts", [["alias"], ["link"], ["unlink"], ["say"], ["delete"]])
def test_who_only_looks_changes_nothing_and_sees_no_button_for_it(member, acme, parts):
    made = make_definition(acme, "orders", to=make_destination(acme))
    client = member("viewer")

    assert client.post(page_of(made, *parts)).status_code == 403
    page = read(client, page_of(made))
    assert page_of(made, *parts) not in page
    assert page_of(made, "next") not in page


def names_of(definition):
    return list(definition.names.order_by("id").values_list("name", flat=True))


def make_name(org, name):
    definition = ActionDefinition.objects.of_org(org.pk).first() or make_definition(org)
    return DefinitionName.objects.create(
        org=org, name=name, variant=definition.variant, kind="alias", definition=definition
    )


@pytest.fixture
def explained():
    """The plans of the statements that something executes, with no way left but indexes."""

    def explain(work):
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
        with CaptureQueriesContext(connection) as captured:
            work()
        plans = []
        with connection.cursor() as cursor:
            for query in captured.captured_queries:
                cursor.execute("EXPLAIN " + query["sql"])
                plans += [line for (line,) in cursor.fetchall()]
        return "\n".join(plans)

    return explain
