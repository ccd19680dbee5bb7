"""`/v1/orgs/{org_id}/destinations`: create, list, get, update."""

from __future__ import annotations

import pytest

from config.errors import NotFoundError
from destinations import services
from destinations.kinds import KINDS
from destinations.models import Destination, Kind
from dispatch.services import delete_destination
from tests import factories
from tests.client import codes

HOOK = {"url": "https://hooks.example.com/orders"}
NEW = {"label": "orders", "type": "webhook", "config": HOOK}


def delete(destination):
    return delete_destination(destination=destination, force=True, actor="a test")


# --- create ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", Kind.values)
def test_a_destination_of_each_type_is_created_and_read_back(api, acme, kind):
    config = KINDS[kind].EXAMPLE

    made = api.data(api.put("~/destinations", {"label": "it", "type": kind, "config": config}))

    assert made == api.data(api.get(f"~/destinations/{made['id']}"))
    assert made.pop("updated_at").endswith("+00:00")
    assert made == {
        "id": str(Destination.objects.get().pk),
        "org_id": str(acme.pk),
        "label": "it",
        "type": kind,
        "config": config,
        "tags": None,
        "credential_id": None,
        "signing_key_id": None,
        "protocol": "plain",
        "deleted_at": None,
        "paused_at": None,
    }


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"label": None}, "/label"),
        ({"label": ""}, "/label"),
        ({"label": "x" * 256}, "/label"),
        ({"type": "carrier_pigeon"}, "/type"),
        ({"type": ["webhook"]}, "/type"),
        ({"config": []}, "/config"),
        ({"config": None}, "/config"),
        ({"colour": "red"}, "/colour"),  # unknown
        ({"id": "7"}, "/id"),  # ours to give
        ({"org_id": "7"}, "/org_id"),
        ({"credential_id": 7}, "/credential_id"),  # ids are strings
        ({"credential_id": "seven"}, "/credential_id"),
        ({"tags": []}, "/tags"),
    ],
)
def test_a_body_of_the_wrong_shape_is_a_400_that_points_at_it(api, changed, pointer):
    refused = api.put("~/destinations", NEW | changed)

    assert refused.status_code == 400
    assert set(codes(refused)) == {("INVALID_BODY", pointer)}
    assert not Destination.objects.exists()


@pytest.mark.parametrize("missing", ["label", "type", "config"])
def test_a_missing_field_is_named(api, missing):
    refused = api.put("~/destinations", {key: NEW[key] for key in NEW.keys() - {missing}})

    assert refused.status_code == 400
    assert codes(refused) == [("INVALID_BODY", f"/{missing}")]


def test_a_config_that_its_type_refuses_is_a_422_with_every_pointer(api):
    config = {"url": 7, "headers": {"x-a": 1}, "more": True}

    refused = api.put("~/destinations", NEW | {"config": config})

    assert refused.status_code == 422
    assert {pointer for _, pointer in codes(refused)} == {
        "/config/url",
        "/config/headers/x-a",
        "/config/more",
    }
    assert {code for code, _ in codes(refused)} == {"INVALID_CONFIG"}
    assert not Destination.objects.exists()


def test_a_config_is_judged_by_its_own_type_only(api):
    refused = api.put("~/destinations", NEW | {"type": "sdk"})

    assert refused.status_code == 422
    assert {pointer for _, pointer in codes(refused)} == {"/config/url", "/config/namespace"}


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://user:secret@hooks.example.com/", "ADDRESS_REFUSED"),  # holds credentials
        ("ftp://hooks.example.com/", "ADDRESS_REFUSED"),  # a URI of another scheme
        ("mailto:ops@example.com", "ADDRESS_REFUSED"),
        ("http://10.0.0.1/", "ADDRESS_REFUSED"),  # private
        ("http://127.0.0.1:8000/", "ADDRESS_REFUSED"),
        ("http://169.254.169.254/latest/meta-data/", "ADDRESS_REFUSED"),
        ("http://localhost/", "ADDRESS_REFUSED"),
        ("https://hooks.example.com:0/", "ADDRESS_REFUSED"),
        ("https://a..b/", "ADDRESS_REFUSED"),  # a URI whose host is no name
        ("https://hooks.example.com:99999/", "ADDRESS_REFUSED"),
        ("hooks.example.com", "INVALID_CONFIG"),  # not a URI at all
    ],
)
def test_a_url_that_may_not_be_called_is_a_422(api, url, code):
    refused = api.put("~/destinations", NEW | {"config": {"url": url}})

    assert refused.status_code == 422
    assert codes(refused) == [(code, "/config/url")]
    assert not Destination.objects.exists()


def test_a_private_address_is_accepted_where_these_are_allowed(api, private_networks):
    config = {"url": "http://127.0.0.1:8000/"}
    assert api.data(api.put("~/destinations", NEW | {"config": config}))["config"] == config


def test_a_header_of_ours_may_be_configured_but_not_one_of_the_connection(api):
    config = HOOK | {"headers": {"Content-Type": "text/plain", "Host": "evil", "x\n": "1"}}

    refused = api.put("~/destinations", NEW | {"config": config})

    assert {pointer for _, pointer in codes(refused)} == {
        "/config/headers/Host",
        "/config/headers/x\n",
    }


@pytest.mark.parametrize("method", ["put", "post"])
def test_a_credential_that_does_not_exist_is_a_422(api, acme, method):
    path = "~/destinations"
    if method == "post":
        path += f"/{factories.make_destination(acme).pk}"

    refused = api.call(method.upper(), path, NEW | {"credential_id": "7"})

    assert refused.status_code == 422
    assert codes(refused) == [("UNKNOWN_CREDENTIAL", "/credential_id")]
    assert not Destination.objects.filter(label="orders").exists()


def test_no_credential_is_said_with_null(api):
    assert api.data(api.put("~/destinations", NEW | {"credential_id": None}))


# --- tags -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "tags",
    [
        {},
        None,
        {f"key{n}": "v" for n in range(16)},
        {"k" * 128: "v" * 256},
        {"k": ""},  # an empty value is a value
        {"région": "île-de-france ✓"},
    ],
)
def test_tags_within_the_limits_are_kept(api, tags):
    assert api.data(api.put("~/destinations", NEW | {"tags": tags}))["tags"] == tags


@pytest.mark.parametrize(
    ("tags", "pointer"),
    [
        ({f"key{n}": "v" for n in range(17)}, "/tags"),
        ({"k" * 129: "v"}, "/tags"),
        ({"": "v"}, "/tags"),
        ({"k": "v" * 257}, "/tags/k"),
        ({"k": 1}, "/tags/k"),
        ({"k": None}, "/tags/k"),
    ],
)
def test_tags_over_a_limit_are_a_400(api, tags, pointer):
    refused = api.put("~/destinations", NEW | {"tags": tags})

    assert refused.status_code == 400
    assert codes(refused) == [("INVALID_BODY", pointer)]


# --- update ---------------------------------------------------------------------------------------


def test_absent_fields_stay_as_they_are(api, acme):
    made = factories.make_destination(acme, label="before", tags={"team": "a"})

    changed = api.data(api.post(f"~/destinations/{made.pk}", {"label": "after"}))

    assert changed["label"] == "after"
    assert (changed["config"], changed["tags"]) == (made.config, {"team": "a"})
    assert changed["updated_at"] > made.updated_at.isoformat()


def test_a_config_is_replaced_whole(api, acme):
    made = factories.make_destination(
        acme, config=HOOK | {"headers": {"x-a": "1"}, "response_time_sla_ms": 5}
    )

    changed = api.data(api.post(f"~/destinations/{made.pk}", {"config": HOOK}))

    assert changed["config"] == HOOK


def test_tags_are_replaced_whole_and_dropped_with_null(api, acme):
    made = factories.make_destination(acme, tags={"a": "1", "b": "2"})
    path = f"~/destinations/{made.pk}"

    assert api.data(api.post(path, {"tags": {"c": "3"}}))["tags"] == {"c": "3"}
    assert api.data(api.post(path, {"tags": None}))["tags"] is None


def test_a_config_is_judged_by_the_stored_type(api, acme):
    made = factories.make_destination(acme, "sdk")

    refused = api.post(f"~/destinations/{made.pk}", {"config": HOOK})

    assert refused.status_code == 422
    assert {pointer for _, pointer in codes(refused)} == {"/config/url", "/config/namespace"}
    made.refresh_from_db()
    assert made.config == KINDS["sdk"].EXAMPLE


def test_the_type_never_changes(api, acme):
    made = factories.make_destination(acme, "sdk")

    refused = api.post(f"~/destinations/{made.pk}", {"type": "webhook", "config": HOOK})

    assert refused.status_code == 422
    assert codes(refused) == [("TYPE_IMMUTABLE", "/type")]
    made.refresh_from_db()
    assert (made.type, made.config) == ("sdk", KINDS["sdk"].EXAMPLE)


def test_the_same_type_may_be_said_again(api, acme):
    made = factories.make_destination(acme, "sdk")
    assert api.data(api.post(f"~/destinations/{made.pk}", {"type": "sdk"}))["type"] == "sdk"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"label": ""}, "/label"),
        ({"config": None}, "/config"),
        ({"type": "pigeon"}, "/type"),
        ({"deleted_at": None}, "/deleted_at"),
        ({"tags": {"k": 1}}, "/tags/k"),
    ],
)
def test_an_update_of_the_wrong_shape_is_a_400(api, acme, body, pointer):
    made = factories.make_destination(acme)

    refused = api.post(f"~/destinations/{made.pk}", body)

    assert refused.status_code == 400
    assert codes(refused) == [("INVALID_BODY", pointer)]


def test_an_update_never_brings_a_deleted_destination_back(acme):
    made = factories.make_destination(acme)
    delete(Destination.objects.get(pk=made.pk))

    with pytest.raises(NotFoundError):
        services.update_destination(destination=made, changes={"label": "after"})
    made.refresh_from_db()
    assert made.deleted_at is not None


def test_two_updates_that_read_the_same_row_both_hold(acme):
    made = factories.make_destination(acme)
    stale = Destination.objects.get(pk=made.pk)

    services.update_destination(destination=made, changes={"label": "mine"})
    services.update_destination(destination=stale, changes={"tags": {"theirs": "1"}})

    stored = Destination.objects.get(pk=made.pk)
    assert (stored.label, stored.tags) == ("mine", {"theirs": "1"})


# --- get and list ---------------------------------------------------------------------------------


def test_a_list_shows_live_destinations_oldest_first(api, acme, globex):
    made = [factories.make_destination(acme, label=label) for label in ("b", "a", "c")]
    delete(made[1])
    factories.make_destination(globex, label="theirs")

    page = api.data(api.get("~/destinations"))

    assert page["count"] == 2
    assert [item["label"] for item in page["items"]] == ["b", "c"]


@pytest.mark.parametrize(
    ("search", "labels"),
    [
        ('{"field": "label", "op": "eq", "value": "hook"}', ["hook"]),
        ('{"col": "label", "op": "contains", "value": "OO"}', ["hook"]),
        ('{"field": "type", "op": "eq", "value": "sdk"}', ["kit"]),
        ('{"field": "type", "op": "ne", "value": "sdk"}', ["hook"]),
        ('{"field": "type", "op": "in", "value": ["sdk", "webhook"]}', ["hook", "kit"]),
    ],
)
def test_a_list_is_searched_by_label_and_type(api, acme, search, labels):
    factories.make_destination(acme, label="hook")
    factories.make_destination(acme, "sdk", label="kit")

    page = api.data(api.get(f"~/destinations?search={search}"))

    assert [item["label"] for item in page["items"]] == labels


def test_a_list_takes_the_same_queries_for_any_number(api, acme, django_assert_num_queries):
    for _ in range(5):
        factories.make_destination(acme)
    api.get("~/destinations")

    with django_assert_num_queries(3):  # the key, the count, the page
        assert api.data(api.get("~/destinations"))["count"] == 5


@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_an_unknown_a_deleted_and_anothers_destination_are_a_404(api, acme, globex, method):
    deleted, theirs = factories.make_destination(acme), factories.make_destination(globex)
    delete(deleted)

    for row_id in (deleted.pk, theirs.pk, 0, 2**63 - 1):
        refused = api.call(method.upper(), f"~/destinations/{row_id}", {"label": "mine"})
        assert refused.status_code == 404
        assert codes(refused) == [("NOT_FOUND", None)]
    theirs.refresh_from_db()
    assert (theirs.label != "mine", theirs.deleted_at) == (True, None)
