"""From a search, or from what is ticked, to an operation in bulk that is about just that."""

from __future__ import annotations

import re
from datetime import UTC
from html import unescape

import pytest
from django.urls import reverse

from console.records import bulk, searching
from operations import matching
from operations.bulk_admin import START
from operations.models import BulkOperation
from tests import factories
from tests.console.looking import member_of
from tests.console.test_records import under

pytestmark = pytest.mark.django_db
LIST = reverse("console:records")
BULK = reverse("console:record_bulk")
ADD = reverse("admin:operations_bulkoperation_add")


@pytest.fixture
def failed(acme, definition):
    return [
        factories.move(factories.make_over(acme, tags={"tenant": "a"}), error_message="HTTP 503")
        for _ in range(3)
    ]


def form_of(client, query):
    """The form to which a link of the list leads."""
    answer = client.get(BULK, query, follow=True)
    assert answer.redirect_chain[-1][0].startswith(ADD), told(answer)
    return answer.context["adminform"].form


def told(answer):
    return [str(message) for message in answer.context["messages"]]


def preview(client, query, **typed):
    """What the form says it would be about, when it is sent as it is filled in."""
    form = form_of(client, query)
    values = {}
    for name in form.fields:
        field = form[name]
        values |= spelled(field)
    values |= {"cap": "100", "reason": "It was down.", "_save": ""} | typed
    return client.post(ADD, values)


def spelled(field):
    value = field.value()
    if isinstance(value, list):
        return {f"{field.html_name}_{number}": one or "" for number, one in enumerate(value)}
    return {field.html_name: "" if value is None else value}


def confirm(client, shown):
    """Press the button of a preview."""
    html = shown.content.decode()
    hidden = re.findall(r'<input type="hidden"\s+name="([^"]+)"\s+value="([^"]*)"', html)
    return client.post(ADD, {unescape(n): unescape(v) for n, v in hidden} | {START: ""})


def test_a_search_is_kept_in_all_of_its_parts(admin_client, acme, failed):
    query = {
        "kind": "replay", "variant": "count", "status": "failed", "tag": "tenant=a",
        "error": "503", "destination": "webhook 0", "since": "2026-01-01T08:00",
        "until": "2100-01-01T08:00", "zone": "Europe/Berlin",
    }  # fmt: skip
    form = form_of(admin_client, query)

    shown = {name: form[name].value() for name in (
        "kind", "org", "variant", "status", "error", "destination_label", "tags",
        "created_after", "created_before", "zone",
    )}  # fmt: skip
    assert shown["org"] == str(acme.pk)
    assert shown["kind"] == "replay"
    assert (shown["variant"], shown["status"], shown["error"]) == ("count", "failed", "503")
    assert shown["destination_label"] == "webhook 0"
    assert shown["tags"] == '[{"name":"tenant","value":"a"}]'
    assert shown["created_after"] == "2026-01-01T08:00:00"
    assert shown["created_before"] == "2100-01-01T08:00:00"
    assert shown["zone"] == "Europe/Berlin"


def test_what_is_kept_is_what_the_operation_is_about(admin_client, acme, failed):
    factories.make_over(acme, tags={"tenant": "a"})
    label = failed[0].destination.label
    query = {"kind": "replay", "tag": "tenant=a", "error": "http 503", "destination": label}

    shown = preview(admin_client, query | {"variant": "count"})
    assert "3 actions of Acme?" in re.sub(r"\s+", " ", shown.content.decode())
    confirm(admin_client, shown)

    started = BulkOperation.objects.get()
    assert started.filter == {
        "variant": "count", "tags": {"tenant": "a"}, "error": "http 503",
        "destination_label": label,
    }  # fmt: skip
    aim = matching.read_aim(acme.pk, "replay", started.filter)
    assert aim.count(aim.whole_span()).ids == [one.pk for one in failed]


@pytest.mark.parametrize(
    ("since", "zone", "shown"),
    [
        ("2026-07-01T08:30", "America/New_York", "2026-07-01T08:30:00"),
        ("2026-07-01T08:30Z", "America/New_York", "2026-07-01T04:30:00"),
        ("2026-07-01T08:30", "", "2026-07-01T08:30:00"),
        # Clocks there tell it twice, and the other one first.
        ("2026-10-25T02:30+01:00", "Europe/Berlin", "2026-10-25T01:30:00"),
    ],
)
def test_what_is_asked_about_began_when_it_did_in_the_search(
    admin_client, failed, since, zone, shown
):
    query = {"kind": "replay", "variant": "count", "since": since, "zone": zone}
    form = form_of(admin_client, query)
    assert form["created_after"].value() == shown

    confirm(admin_client, preview(admin_client, query))

    found = admin_client.get(LIST, {"since": since, "zone": zone}).context["search"].filter
    started = matching.read_aim(1, "replay", BulkOperation.objects.get().filter)
    assert started.filter.created_after == found.created_after.astimezone(UTC)


def test_what_has_no_moments_takes_the_zone_of_the_browser(admin_client, failed):
    form = form_of(admin_client, {"kind": "replay", "variant": "count", "zone": "Asia/Tokyo"})

    assert not form["zone"].value()


def test_the_links_of_a_list_name_its_search(admin_client, failed):
    page = admin_client.get(LIST, {"error": "503", "tag": "tenant=a"}).content.decode()

    links = [unescape(link) for link in re.findall(rf'href="({BULK}[^"]*)"', page)]
    assert [link.rpartition("&")[2] for link in links] == ["kind=replay", "kind=cancel"]
    assert all("error=503&tag=tenant%3Da" in link for link in links)


def test_what_is_ticked_is_done_and_nothing_else(admin_client, acme, failed):
    first, _, third = failed
    query = {"kind": "replay", "ticked": "1", "ids": [third.pk, first.pk], "error": "503"}

    confirm(admin_client, preview(admin_client, query))

    started = BulkOperation.objects.get()
    assert started.org_id == acme.pk
    assert started.filter == {"ids": [str(first.pk), str(third.pk)]}
    assert started.found == 2


def test_a_key_leads_to_the_ids_of_its_actions(admin_client, acme, definition):
    made = under(acme, "order-7", count=3)
    form = form_of(admin_client, {"kind": "cancel", "q": "order-7"})

    assert form["ids"].value() == " ".join(str(pk) for pk in sorted(made))
    assert form["org"].value() == str(acme.pk)


def test_an_alias_leads_to_its_variant(admin_client, acme, failed):
    factories.make_definition(acme, schema=True, alias=["tally"])

    assert (
        form_of(admin_client, {"kind": "replay", "variant": "tally"})["variant"].value() == "count"
    )


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ({"kind": "replay", "ticked": "1"}, bulk.NOTHING_TICKED),
        ({"kind": "replay", "q": "nobody-had-it"}, bulk.NOTHING_FOUND),
        ({"kind": "replay", "variant": "nothing"}, bulk.NOTHING_FOUND),
        ({"kind": "replay", "tag": "x"}, "A tag is key=value."),
        ({"kind": "publish"}, "Choose what is to be done."),
    ],
)
def test_what_cannot_be_done_leads_back_with_a_word(admin_client, failed, query, why):
    answer = admin_client.get(BULK, query, follow=True)

    assert answer.redirect_chain[-1][0].startswith(LIST)
    assert told(answer) == [why]


def test_actions_of_several_organizations_are_not_one_operation(admin_client, acme, globex, failed):
    factories.make_definition(globex, to=factories.make_destination(globex))
    other = factories.make_over(globex)
    for query in ({"ticked": "1", "ids": [other.pk, failed[0].pk]}, {"q": "order-7"}):
        if "q" in query:
            under(acme, "order-7")
            under(globex, "order-7")
        answer = admin_client.get(BULK, query | {"kind": "replay"}, follow=True)
        assert told(answer) == [bulk.SEVERAL_ORGS]


def test_members_reach_their_own_actions_only(acme, globex, failed):
    factories.make_definition(globex, to=factories.make_destination(globex))
    other = factories.make_over(globex)
    client = member_of(acme, "operator")

    answer = client.get(BULK, {"kind": "replay", "ticked": "1", "ids": [other.pk]}, follow=True)
    assert told(answer) == [bulk.NOTHING_FOUND]
    form = form_of(client, {"kind": "replay", "ticked": "1", "ids": [other.pk, failed[0].pk]})
    assert form["ids"].value() == str(failed[0].pk)


def test_a_member_carries_one_through(acme, failed):
    client = member_of(acme, "operator")

    confirm(client, preview(client, {"kind": "replay", "status": "failed"}))

    assert BulkOperation.objects.get().found == 3


def test_who_may_not_operate_is_refused(acme, failed):
    assert member_of(acme).get(BULK, {"kind": "replay"}).status_code == 403


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"error": "x" * 100_000}, searching.TOO_LONG),
        ({"tag": [f"{number}=" + "\N{ROCKET}" * 255 for number in range(16)]}, bulk.TOO_LONG),
    ],
)
def test_what_is_too_long_for_an_address_is_told_on_a_page(admin_client, record, query, said):
    page = admin_client.get(BULK, query | {"kind": "replay"})

    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert said in page.text
    assert "console/records/list.html" in [template.name for template in page.templates]
