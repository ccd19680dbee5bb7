"""What is kept of what was made for consumers: small answers, of so many bytes together."""

from __future__ import annotations

import orjson

from actions.consumers import examples, keeping, python
from config import validation
from runtime import apart


def test_the_latest_are_kept_up_to_so_many_bytes(monkeypatch):
    monkeypatch.setattr(keeping, "MOST_BYTES", 3 * (keeping.MORE_BYTES + 10))
    kept = keeping.Kept()
    for case in (b"a", b"b", b"c", b"c"):
        kept.keep(case, case * 10)

    assert kept.find(b"a") == b"a" * 10
    kept.keep(b"d", b"d" * 10)

    assert [case for case in (b"a", b"b", b"c", b"d") if kept.find(case)] == [b"a", b"c", b"d"]
    assert kept._bytes == keeping.MOST_BYTES
    kept.clear()
    assert (kept.find(b"a"), kept._bytes) == (None, 0)


def test_what_is_large_is_made_anew_each_time(monkeypatch):
    """However many a client takes of a contract, and whatever a contract is called."""
    large = keeping.MOST_BYTES_OF_ONE + 1
    ran = []

    def run(module, case, **options):
        ran.append(module)
        return b"x" * (large - 1) + b"\n"

    monkeypatch.setattr(apart, "run", run)
    for module in (examples, python):
        monkeypatch.setattr(module, "kept", keeping.Kept())
    schema = orjson.dumps({"const": "x" * 90_000})

    for take in (50, 50, 49):
        examples._find(examples.Asked(schema, validation.DEFAULT_DIALECT, take))
    for name in ("a", "a", "b"):
        python._generate(schema, name)

    assert len(ran) == 6
    assert (examples.kept._bytes, python.kept._bytes) == (0, 0)


def test_what_is_small_is_made_once_whoever_waits_for_how_long(monkeypatch):
    monkeypatch.setattr(examples, "kept", keeping.Kept())
    told = iter([b'{"done":true}\n'])
    monkeypatch.setattr(apart, "run", lambda *_, **__: next(told))

    for seconds in (5, 15):
        asked = examples.Asked(b"{}", validation.DEFAULT_DIALECT, 1, seconds)
        assert examples._find(asked) == [b'{"done":true}']
