"""An export is all there is, and importing it changes nothing."""

from __future__ import annotations

import tracemalloc

import pytest
from django.db import connection

from actions import services as actions
from bundles import exports, plans, reading, services
from bundles.files import name_file
from bundles.reading import dump
from tests import factories
from tests.bundles.bundle import action, bundle, carry_out

# Versions of one variant, with contracts of a hundred thousand characters.
FILL = """
    INSERT INTO actions_actiondefinition (
        org_id, variant, version, schema, schema_digest, description, requires_approval,
        compatibility, open_content, created_at, updated_at
    )
    SELECT %s, 'big', number, json_build_object('title', repeat(md5(number::text), 3200)),
        sha256(number::text::bytea), '', false, 'none', 'strict', now(), now()
    FROM generate_series(1, %s) number
"""


@pytest.fixture
def furnished(acme):
    """Definitions of several versions, aliases and links, and destinations of several types."""
    credential = factories.make_credential(acme, label="hook key")
    key = factories.make_signing_key(acme, label="signer")
    hook = factories.make_destination(
        acme, label="hook", credential_id=credential.pk, signing_key_id=key.pk, tags={"a": "b"}
    )
    sdk = factories.make_destination(acme, "sdk", label="workers")
    first = factories.make_definition(acme, "count", hook, alias=["c.one"], description="Counts.")
    actions.link_destination(definition=first, destination_id=sdk.pk)
    factories.make_definition(acme, "count", schema={"type": "object"}, alias=["c.two"])
    gone = factories.make_definition(acme, "count", schema={"type": "array"})
    actions.delete_definition(definition=gone)
    factories.make_definition(acme, "hold back", schema=True, requires_approval=True)
    return acme


def move(org, globex):
    """What globex must have beforehand: what a bundle only names."""
    factories.make_credential(globex, label="hook key")
    factories.make_signing_key(globex, label="signer")


def test_importing_an_export_changes_nothing(furnished):
    plan = plans.plan(org=furnished, document=exports.export(furnished), prune=True)
    assert not plan.changes
    assert plan.count("keep") == 5


def test_an_export_into_an_empty_organization_is_exported_again(furnished, globex):
    move(furnished, globex)
    exported = exports.export(furnished)
    services.apply(plan=plans.plan(org=globex, document=exported))
    assert exports.export(globex) == exported


@pytest.mark.parametrize("format", ["yaml", "json"])
def test_its_text_reads_back_as_the_document(furnished, format):
    text = "".join(exports.write(furnished, format))
    assert reading.parse("x." + format, text.encode()).value == exports.export(furnished)


@pytest.mark.parametrize("format", ["yaml", "json"])
def test_an_empty_organization_is_a_document_too(acme, format):
    text = "".join(exports.write(acme, format))
    assert reading.parse("x." + format, text.encode()).value == exports.export(acme)
    assert exports.export(acme)["actions"] == []


@pytest.mark.parametrize("format", ["yaml", "json"])
def test_it_is_written_in_pieces_as_it_would_be_at_once(furnished, format):
    # Lines of a text, some of them empty, or with spaces that count.
    texts = ["a\n\n  b\n\nc", "a\n", " a\nb", "é\u2028\n", "- a: {}", ""]
    schema = {"description": texts[0], "enum": [*texts, {"x\ny": texts}, {}, []]}
    carry_out(furnished, bundle(action("several lines", description=texts[0], schema=schema)))
    # The end of a document, which libyaml marks.
    schemas = [{"const": number, "title": "a\n\n"} for number in (1, 2)]
    versions = [{"version": at, "schema": schema} for at, schema in enumerate(schemas, 1)]
    carry_out(furnished, bundle(action("an ending", versions=versions)))
    whole = exports.export(furnished)

    written = {path: "".join(text) for path, text in exports.write_files(furnished, format)}
    text = "".join(exports.write(furnished, format))
    assert len(whole["actions"]) == 4
    assert reading.parse(f"x.{format}", text.encode()).value == whole
    for one in whole["actions"]:
        alone = dump({"waybill": 1, "actions": [one]}, format)
        assert written[f"actions/{name_file(one['variant'])}.{format}"] == alone
        assert dump([one] if format == "yaml" else one, format).removesuffix("\n") in text


def test_few_contracts_are_in_memory_at_once(acme, globex, monkeypatch):
    monkeypatch.setattr(exports, "MOST_CHARACTERS", 400_000)
    for org, count in ((globex, 1), (acme, 40)):
        with connection.cursor() as cursor:
            cursor.execute(FILL, [org.pk, count])
    # The first one does, once, what takes memory for good.
    for org, most in ((globex, None), (acme, 5_000_000)):
        tracemalloc.start()
        length = sum(map(len, exports.write(org, "json")))
        in_folder = sum(len(one) for _, text in exports.write_files(org, "json") for one in text)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert most is None or (length > 4_000_000 and in_folder > 4_000_000 and peak < most)


@pytest.mark.parametrize(
    ("sizes", "portions"),
    [
        ([], []),
        ([10, 0], [2]),
        # More than is read at once, by itself and by what is long.
        ([1] * 8, [3, 3, 2]),
        ([6, 4, 1, 99, 5, 5, 1], [2, 1, 1, 2, 1]),
    ],
)
def test_what_is_read_at_once_is_bounded(monkeypatch, sizes, portions):
    monkeypatch.setattr(exports, "READ_AT_ONCE", 3)
    monkeypatch.setattr(exports, "MOST_CHARACTERS", 10)
    made = list(exports._portion(enumerate(sizes)))
    assert [len(one) for one in made] == portions
    assert [key for one in made for key in one] == list(range(len(sizes)))
