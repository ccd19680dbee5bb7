"""What is wrong in a document: told with its place, all at once."""

from __future__ import annotations

import pytest

from bundles import plans
from config.errors import DomainError
from tests import factories
from tests.bundles.bundle import HOOK, SINK, action, bundle, carry_out
from tests.bundles.test_plans import find_faults

WIDER = {"type": "object"}


# What is handed in, where `taken` is there with the alias `held`, and a webhook `there`; and the
# faults.
WRONG = {
    "another shape": (
        {"given": [{"schema": {}, "more": 1}]},
        [("INVALID_BUNDLE", "/actions/0/more"), ("INVALID_BUNDLE", "/actions/0/variant")],
    ),
    "a name that is none": ({"given": [action("a/b")]}, [("INVALID_NAME", "/actions/0/variant")]),
    "an alias that is none": (
        {"given": [action(aliases=["ok", "\t"])]},
        [("INVALID_NAME", "/actions/0/aliases/1")],
    ),
    "too many aliases": (
        {"given": [action(aliases=[f"a{number}" for number in range(101)])]},
        [("INVALID_NAME", "/actions/0/aliases")],
    ),
    "a schema that is none": (
        {"given": [action(schema={"type": "objekt"})]},
        [("INVALID_SCHEMA", "/actions/0/schema/type")],
    ),
    "no schema": ({"given": [{"variant": "new"}]}, [("SCHEMA_MISSING", "/actions/0/schema")]),
    "another schema of a version": (
        {"given": [{"variant": "taken", "versions": [{"version": 1, "schema": WIDER}]}]},
        [("VERSION_IMMUTABLE", "/actions/0/versions/0/schema")],
    ),
    "no version left": (
        {"given": [{"variant": "last", "schema": WIDER}]},
        [("CONFLICT", "/actions/0")],
    ),
    "a variant twice": (
        {"given": [action(), action()]},
        [("TWICE", "/actions/1/variant")],
    ),
    "a version twice": (
        {"given": [action(versions=[{"version": 1, "schema": {}}, {"version": 1}])]},
        [("TWICE", "/actions/0/versions/1/version")],
    ),
    "a label twice": (
        {"destinations": [SINK, SINK]},
        [("TWICE", "/resources/destinations/1/label")],
    ),
    "versions and a schema": (
        {"given": [{"variant": "a", "schema": {}, "versions": []}]},
        [("MIXED_VERSIONS", "/actions/0/schema")],
    ),
    "an alias of two versions": (
        {
            "given": [
                action(
                    versions=[
                        {"version": 1, "schema": {}, "aliases": ["x"]},
                        {"version": 2, "schema": True, "aliases": ["x"]},
                    ]
                )
            ]
        },
        [("ALIAS_TAKEN", "/actions/0/versions/1/aliases/0")],
    ),
    "an alias of two variants": (
        {"given": [action("a", aliases=["x"]), action("b", aliases=["x"])]},
        [("ALIAS_TAKEN", "/actions/1/aliases/0")],
    ),
    "an alias that is a variant": (
        {"given": [action(aliases=["taken"])]},
        [("ALIAS_TAKEN", "/actions/0/aliases/0")],
    ),
    "an alias of somebody else": (
        {"given": [action(aliases=["held"])]},
        [("ALIAS_TAKEN", "/actions/0/aliases/0")],
    ),
    "an alias that is its own variant": (
        {"given": [action("a", aliases=["a"])]},
        [("ALIAS_TAKEN", "/actions/0/aliases/0")],
    ),
    "a variant that is an alias": (
        {"given": [action("held")]},
        [("VARIANT_IS_ALIAS", "/actions/0/variant")],
    ),
    "a default that is not linked": (
        {"given": [action(destinations=["there"], default="hook")]},
        [("DEFAULT_NOT_LINKED", "/actions/0/default")],
    ),
    "a default without links": (
        {"given": [action(default="there")]},
        [("INVALID_BUNDLE", "/actions/0/destinations")],
    ),
    "an unknown destination": (
        {"given": [action(destinations=["nowhere"])]},
        [("UNKNOWN_DESTINATION", "/actions/0/destinations/0")],
    ),
    "a config that is none": (
        {"destinations": [HOOK | {"config": {"url": "x"}}]},
        [("INVALID_CONFIG", "/resources/destinations/0/config/url")],
    ),
    "an address nobody may call": (
        {"destinations": [HOOK | {"config": {"url": "https://127.0.0.1/"}}]},
        [("ADDRESS_REFUSED", "/resources/destinations/0/config/url")],
    ),
    "another type": (
        {"destinations": [{"label": "there", "type": "sdk", "config": HOOK["config"]}]},
        [("TYPE_IMMUTABLE", "/resources/destinations/0/type")],
    ),
    "another protocol": (
        {"destinations": [HOOK | {"label": "there", "protocol": "gateway"}]},
        [("PROTOCOL_IMMUTABLE", "/resources/destinations/0/protocol")],
    ),
    "a protocol of webhooks": (
        {"destinations": [SINK | {"protocol": "gateway"}]},
        [("INVALID_PROTOCOL", "/resources/destinations/0/protocol")],
    ),
    "an unknown credential": (
        {"destinations": [HOOK | {"credential": "nobody"}]},
        [("UNKNOWN_CREDENTIAL", "/resources/destinations/0/credential")],
    ),
    "a credential of another type": (
        {"destinations": [SINK | {"credential": "a key"}]},
        [("CREDENTIAL_MISMATCH", "/resources/destinations/0/credential")],
    ),
    "an unknown signing key": (
        {"destinations": [HOOK | {"signing_key": "nobody"}]},
        [("UNKNOWN_SIGNING_KEY", "/resources/destinations/0/signing_key")],
    ),
    "a signing key for what is not signed": (
        {"destinations": [SINK | {"signing_key": "signer"}]},
        [("SIGNING_KEY_MISMATCH", "/resources/destinations/0/signing_key")],
    ),
    "credentials that are not there": (
        {
            "credentials": [
                {"label": "nobody", "type": "http_bearer"},
                {"label": "a key", "type": "http_bearer"},
            ]
        },
        [
            ("UNKNOWN_CREDENTIAL", "/resources/credentials/0/label"),
            ("CREDENTIAL_MISMATCH", "/resources/credentials/1/type"),
        ],
    ),
    "what Waybill has not": (
        {"given": [action(queries=["q"], sources=[])], "metrics": [{}], "sources": [{}]},
        [
            ("NOT_SUPPORTED", "/resources/metrics"),
            ("NOT_SUPPORTED", "/resources/sources"),
            ("NOT_SUPPORTED", "/actions/0/queries"),
        ],
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_told_with_its_place(acme, wrong):
    factories.make_credential(acme, label="a key")
    factories.make_signing_key(acme, label="signer")
    carry_out(
        acme, bundle(action("taken", aliases=["held"]), destinations=[HOOK | {"label": "there"}])
    )
    factories.make_definition(acme, "last", version=2**31 - 1)
    fields, faults = WRONG[wrong]
    fields = dict(fields)

    assert find_faults(acme, *fields.pop("given", ()), **fields) == faults


def test_all_faults_are_told_at_once_up_to_fifty(acme):
    wrong = [action(f"v{number}", schema={"type": "objekt"}) for number in range(60)]
    faults = find_faults(acme, *wrong, destinations=[HOOK | {"credential": "nobody"}])
    assert len(faults) == 50
    assert faults[0][0] == "UNKNOWN_CREDENTIAL"
    assert faults[1] == ("INVALID_SCHEMA", "/actions/0/schema/type")
    shapeless = [{"more": 1} for _ in range(60)]
    assert len(find_faults(acme, *shapeless)) == 50


@pytest.mark.parametrize("document", [[], "x", None, 1, {"waybill": 2}, {"actions": {}}])
def test_what_is_no_bundle_is_refused(acme, document):
    with pytest.raises(DomainError) as caught:
        plans.plan(org=acme, document=document)
    assert {fault.code for fault in caught.value.faults} == {"INVALID_BUNDLE"}
