"""Folders of many schemas, large ones and deep ones: what they cost, and where that ends."""

from __future__ import annotations

import os

import pytest

from bundles import folders, reading
from bundles.folders import room
from bundles.folders.finding import Choice
from bundles.folders.naming import Naming
from bundles.reading import jsons
from config.errors import DomainError, TooLargeError
from tests.bundles.test_folders import TEXT, convert, reasons, schemas, write


def test_many_definitions_of_one_name_are_numbered(tmp_path):
    number = 1_000
    write(
        tmp_path,
        {
            "a.json": {"prefixItems": [{"$ref": f"b.json#/{index}/t"} for index in range(number)]},
            "b.json": {str(index): {"t": {"const": index}} for index in range(number)},
        },
    )
    made = convert(tmp_path, "{stem}", only=["a.json"])

    held = schemas(made)["a"]["$defs"]
    assert list(held) == ["t", *(f"t_{index}" for index in range(2, number + 1))]
    assert held["t_1000"] == {"const": 999}


def test_a_file_is_gone_through_once_to_tell_where_everything_stands(tmp_path, monkeypatch):
    walked = []
    walk = jsons.walk
    monkeypatch.setattr(jsons, "walk", lambda data: walked.append(1) or walk(data))
    listed = {f"t{index}": {"$ref": "x.json"} for index in range(100)}
    write(tmp_path, {"a.json": {"$defs": listed}})
    made = convert(tmp_path, "{name}", each="/$defs")
    assert (len(made.left_out), len(walked)) == (100, 1)
    assert {one.what for one in made.left_out} == {f"{tmp_path}/a.json:1"}

    write(tmp_path, {"a.json": {"$defs": dict.fromkeys(listed, TEXT)}})
    with pytest.raises(DomainError) as refused:
        convert(tmp_path, "{stem}", each="/$defs")
    assert (len(refused.value.faults), len(walked)) == (50, 2)
    made = convert(tmp_path, "{name}", each="/$defs")
    assert set(made.places(f"/actions/{index}" for index in range(100))) == {f"{tmp_path}/a.json:1"}
    assert len(walked) == 3


def chain(number):
    """Files of which each refers to the next one."""
    files = {
        f"{index:03}.json": {"items": {"$ref": f"{index + 1:03}.json"}} for index in range(number)
    }
    return files | {f"{number:03}.json": TEXT}


def test_what_all_would_be_together_is_limited_and_told(tmp_path, monkeypatch):
    write(tmp_path, chain(30))
    assert len(convert(tmp_path).document["actions"]) == 31
    for limit, most in (("MAX_BYTES", 10_000), ("MAX_WORK", 100_000)):
        with monkeypatch.context() as patch:
            patch.setattr(room, limit, most)
            with pytest.raises(TooLargeError, match="in parts, by --only"):
                convert(tmp_path)
            assert schemas(convert(tmp_path, only=["00[0-2].json"])).keys() == {"000", "001", "002"}


def test_memory_is_limited_and_what_is_left_out_takes_none(tmp_path, settings):
    settings.MAX_BODY_BYTES = 1_000
    write(tmp_path, chain(100))
    budget = reading.Budget()
    sources = reading.read_folder(str(tmp_path), budget=budget)
    how = {"root": str(tmp_path), "choice": Choice(), "naming": Naming("{stem}")}

    before = budget.left
    made = folders.convert(sources, budget=budget, **how)
    assert 0 < before - budget.left < 500_000
    assert 10 < len(made.document["actions"]) < 40
    assert set(reasons(made)) == {
        "With all that it refers to, it is larger than an action's definition may be."
    }
    with pytest.raises(TooLargeError):
        folders.convert(sources, budget=reading.Budget(50_000), **how)


def test_it_is_told_how_many_schemas_are_done(tmp_path):
    write(tmp_path, {"a.json": TEXT, "b.json": {"$ref": "x.json"}, "c.json": TEXT})
    done = []
    sources = reading.read_folder(str(tmp_path))
    how = {"root": str(tmp_path), "choice": Choice(), "naming": Naming("{stem}")}
    folders.convert(sources, advance=lambda: done.append(1), **how)

    assert len(done) == 3


@pytest.fixture
def deep(tmp_path, monkeypatch):
    """A folder with a schema a thousand folders down."""
    monkeypatch.chdir(tmp_path)
    for _ in range(1_000):
        os.mkdir("d")
        os.chdir("d")
    with open("a.json", "wb") as file:
        file.write(b'{"type": "string"}')
    yield tmp_path
    # What cleans up after tests calls itself for each folder.
    os.remove("a.json")
    for _ in range(1_000):
        os.chdir("..")
        os.rmdir("d")


def test_folders_may_be_a_thousand_deep(deep):
    assert schemas(convert(deep, "{stem}")) == {"a": TEXT}


def test_a_chain_of_references_may_be_thousands_long(tmp_path):
    number = 4_000
    listed = {f"t{index}": {"$ref": f"b.json#/t{index + 1}"} for index in range(number)}
    write(tmp_path, {"a.json": {"$ref": "b.json#/t0"}, "b.json": listed | {f"t{number}": TEXT}})
    made = convert(tmp_path, "{stem}", only=["a.json"])

    assert len(schemas(made)["a"]["$defs"]) == number + 1
