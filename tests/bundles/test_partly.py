"""An import that is stopped between its batches says what of it is committed."""

from __future__ import annotations

import io

import orjson
import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError

from bundles import services
from bundles.writing import StaleError
from config.commands import Exit
from config.errors import DomainError
from tests.bundles.bundle import action


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (DatabaseError("No space left"), "The database did not take it: No space left\n"),
        (StaleError("variant 'b'"), "(variant 'b'): plan it anew. [PLAN_STALE]\n"),
        (
            DomainError("It is used.", code="DESTINATION_IN_USE", pointer="/actions/1"),
            "bundle.json:2: /actions/1: It is used. [DESTINATION_IN_USE]\n",
        ),
    ],
)
def test_what_was_committed_in_batches_is_told(acme, tmp_path, monkeypatch, error, said):
    monkeypatch.setattr(services, "MOST_AT_ONCE", 1)
    given = [orjson.dumps(action(name)) for name in "abc"]
    path = tmp_path / "bundle.json"
    path.write_bytes(b'{"actions": [%b]}' % b",\n".join(given))
    write_batch, batches = services._write, []

    def fail(*arguments):
        batches.append(arguments)
        if len(batches) == 2:
            raise error
        write_batch(*arguments)

    monkeypatch.setattr(services, "_write", fail)
    out = io.StringIO()
    with pytest.raises(CommandError) as caught:
        call_command("import", str(path), "--org", "acme", stdout=out, stderr=io.StringIO())
    assert caught.value.returncode == Exit.PARTLY
    assert "Done" not in out.getvalue()
    assert said in str(caught.value)
    assert str(caught.value).endswith(
        "1 of 3 changes are committed, and stay. Import the same again: it goes on from there."
    )
    again = io.StringIO()
    call_command("import", str(path), "--org", "acme", stdout=again, stderr=io.StringIO())
    assert again.getvalue().endswith("Done: 2 created, 0 updated, 1 kept, 0 pruned.\n")
