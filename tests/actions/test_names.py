"""Variants and aliases: one namespace in an organization."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from actions import names
from actions.models import ActionDefinition, DefinitionName
from config.errors import ConflictError
from tests import factories
from tests.client import codes

PATH = "~/actions/definitions"
TEXT, NUMBER = {"type": "string"}, {"type": "number"}


def put(api, variant="order", schema=TEXT, **fields):
    return api.data(api.put(PATH, {"variant": variant, "schema": schema} | fields))


def aliases_of(api, definition):
    return api.data(api.get(f"{PATH}/{definition['id']}"))["alias"]


def resolve(api, name, version=None):
    """(variant, version) that ingress finds behind a name; None where it finds nothing."""
    body = {"variant": name, "input": 1} | ({} if version is None else {"version": version})
    answer = api.post("/v1/ingress", body)
    if answer.status_code == 400:
        assert codes(answer) == [("UNKNOWN_VARIANT", "/variant")]
        return None
    data = api.data(answer)
    return data["variant"], data["version"]


# --- what a name may be ---------------------------------------------------------------------------

GOOD = [
    "a",
    "orders.created",
    "Order-Created_v2 (new)",
    "naïve ünïcödé ✓ 注文",
    "🚚",
    "%2F",
    "a?b#c&d=e+f",
    "'; DROP TABLE--",
    "...",
    "a+b",
    "\\",
    '"',
    "a" * 255,
    "🚚" * 255,  # characters, not bytes
]
BAD = [
    "",
    "a" * 256,
    "a/b",
    "/",
    ".",  # a path of its own
    "..",
    "a\nb",
    "a\tb",
    "\r",
    "\x1b[31m",
    "\x7f",
    "\x85",
    "a\u00a0b",  # no-break space
    "a\u200bb",  # zero width
    "a\u2028b",  # line separator
    "a\u202eb",  # right-to-left override
    "\ufeff",
    "\ue000",  # private use
    "\uffff",
]


@pytest.mark.parametrize("name", GOOD)
def test_a_printable_name_is_a_variant_and_an_alias(api, name):
    assert put(api, name, schema=True)["variant"] == name
    assert resolve(api, name) == (name, 1)
    path = f"/v1/ingress/{quote(name, safe='')}"
    assert api.data(api.post(path, {"input": 1}))["variant"] == name
    assert put(api, "other", schema=True, alias=[name[:-1] + "!"])["alias"] == [name[:-1] + "!"]


@pytest.mark.parametrize("name", BAD)
def test_any_other_name_is_refused_as_variant_and_as_alias(api, name):
    variant = api.put(PATH, {"variant": name, "schema": TEXT})
    alias = api.put(PATH, {"variant": "order", "schema": TEXT, "alias": ["fine", name]})

    assert (variant.status_code, codes(variant)) == (422, [("INVALID_NAME", "/variant")])
    assert (alias.status_code, codes(alias)) == (422, [("INVALID_NAME", "/alias/1")])
    assert not ActionDefinition.objects.exists()
    assert not DefinitionName.objects.exists()


def test_names_differ_by_case_and_by_composition(api):
    for name in ("order", "Order", "caf\u00e9", "cafe\u0301"):
        assert put(api, name)["version"] == 1


# --- aliases of one definition --------------------------------------------------------------------


def test_aliases_are_replaced_when_given_and_stay_when_not(api):
    put(api, alias=["a", "b"])

    assert put(api)["alias"] == ["a", "b"]
    assert put(api, alias=["c"])["alias"] == ["c"]
    assert resolve(api, "a") is None
    assert put(api, alias=[])["alias"] == []


def test_an_alias_given_twice_is_one(api):
    assert put(api, alias=["a", "b", "a"])["alias"] == ["a", "b"]


def test_an_alias_means_the_version_it_was_given_to(api):
    put(api, alias=["stable"], schema=True)
    put(api, schema={})

    assert resolve(api, "stable") == ("order", 1)
    assert resolve(api, "order") == ("order", 2)
    assert resolve(api, "order", version=1) == ("order", 1)


def test_a_version_asked_for_wins_over_the_one_an_alias_means(api):
    put(api, alias=["stable"], schema=True)
    put(api, schema={})
    assert resolve(api, "stable", version=2) == ("order", 2)


def test_a_version_that_is_not_there_is_unknown(api):
    put(api, schema=True)
    assert resolve(api, "order", version=2) is None


# --- one namespace --------------------------------------------------------------------------------


def test_an_alias_moves_between_versions_of_one_variant(api):
    first = put(api, alias=["stable", "old"])

    second = put(api, schema=True, alias=["stable"])

    assert second["alias"] == ["stable"]
    assert aliases_of(api, first) == ["old"]
    assert resolve(api, "stable") == ("order", 2)


@pytest.mark.parametrize("taken", ["theirs", "invoice", "order"])
def test_an_alias_that_is_anothers_or_a_variant_is_taken(api, taken):
    put(api, "invoice", alias=["theirs"])
    mine = put(api, alias=["mine"])

    refused = api.put(PATH, {"variant": "order", "schema": TEXT, "alias": ["fine", taken]})

    assert refused.status_code == 409
    assert codes(refused) == [("ALIAS_TAKEN", "/alias/1")]
    assert aliases_of(api, mine) == ["mine"]


def test_a_taken_alias_keeps_a_new_version_out(api):
    put(api, "invoice", alias=["theirs"])

    refused = api.put(PATH, {"variant": "order", "schema": TEXT, "alias": ["theirs"]})

    assert refused.status_code == 409
    assert ActionDefinition.objects.filter(variant="order").count() == 0
    assert resolve(api, "order") is None


def test_a_new_variant_may_not_be_named_like_a_live_alias(api):
    put(api, alias=["theirs"])

    refused = api.put(PATH, {"variant": "theirs", "schema": TEXT})

    assert refused.status_code == 409
    assert codes(refused) == [("VARIANT_IS_ALIAS", "/variant")]
    assert ActionDefinition.objects.count() == 1


def test_a_variant_that_became_an_alias_is_not_undeleted(api):
    gone = put(api, "invoice")
    api.data(api.delete(f"{PATH}/{gone['id']}"))
    put(api, alias=["invoice"])

    refused = api.put(PATH, {"variant": "invoice", "schema": TEXT, "version": 1})

    assert refused.status_code == 409
    assert codes(refused) == [("VARIANT_IS_ALIAS", "/variant")]
    assert api.get(f"{PATH}/{gone['id']}").status_code == 404


def test_organizations_share_no_names(api, globex_api):
    put(api, alias=["stable"])

    assert put(globex_api, "stable")["variant"] == "stable"
    assert put(globex_api, "other", alias=["order"])["alias"] == ["order"]
    assert put(api, alias=["stable"])["alias"] == ["stable"]


# --- names are freed ------------------------------------------------------------------------------


def test_a_deleted_definition_frees_its_aliases(api):
    gone = put(api, alias=["stable"])
    put(api, schema=True)
    api.data(api.delete(f"{PATH}/{gone['id']}"))

    assert resolve(api, "stable") is None
    assert put(api, "stable", schema=True)["variant"] == "stable"


def test_a_variant_is_freed_with_its_last_live_version(api):
    versions = [put(api, schema=schema) for schema in (TEXT, NUMBER)]

    api.data(api.delete(f"{PATH}/{versions[1]['id']}"))
    taken = api.put(PATH, {"variant": "other", "schema": True, "alias": ["order"]})
    api.data(api.delete(f"{PATH}/{versions[0]['id']}"))

    assert codes(taken) == [("ALIAS_TAKEN", "/alias/0")]
    assert put(api, "other", schema=True, alias=["order"])["alias"] == ["order"]
    assert resolve(api, "order") == ("other", 1)


def test_the_aliases_of_an_undeleted_definition_are_gone(api):
    gone = put(api, alias=["stable"])
    api.data(api.delete(f"{PATH}/{gone['id']}"))
    assert put(api, version=1)["alias"] == []


def test_the_names_of_a_service_call_are_the_same(acme):
    made = factories.make_definition(acme, "order", alias=("b", "a"))
    assert [name.name for name in made.names.all()] == ["b", "a"]


def test_a_definition_has_at_most_a_hundred_aliases(api, acme):
    made = factories.make_definition(acme)
    path = f"~/actions/definitions/{made.pk}"

    refused = api.post(path, {"alias": [f"alias {number}" for number in range(101)]})

    assert refused.status_code == 422
    assert codes(refused) == [("INVALID_NAME", "/alias")]
    taken = api.data(api.post(path, {"alias": [f"alias {number}" for number in range(100)]}))
    assert len(taken["alias"]) == 100


def test_a_variant_that_has_become_an_alias_since_it_was_looked_for_is_refused(acme):
    factories.make_definition(acme, alias=["tally"])

    with pytest.raises(ConflictError, match="alias of 'count'"):
        names.claim_variant(definition=ActionDefinition(org=acme, variant="tally"))
