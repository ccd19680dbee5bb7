"""The walk of docs/importing-records.md, run as it is written there."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
from django.conf import settings

from dispatch.models import ActionRecord
from operations.imports.lines import MOST_ITEMS
from operations.imports.rejects import MAX_TEXT
from operations.management.commands.import_records import SHOWN_REFUSALS
from tests.operations.imports.conftest import stored
from tests.operations.imports.test_interruptions import environment

PAGE = (settings.BASE_DIR / "docs/importing-records.md").read_text()


@pytest.mark.django_db(transaction=True)
def test_the_walk_ends_as_the_page_says(acme, api, tmp_path):
    (definition,) = re.findall(r"-d '(\{.*?\})'", PAGE, re.DOTALL)
    api.put("~/actions/definitions", json.loads(definition))
    walk = "\n".join(re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL))
    command = f"{sys.executable} {settings.BASE_DIR / 'manage.py'}"

    done = subprocess.run(
        ["bash", "-euc", walk.replace("manage.py", command)],
        cwd=tmp_path,
        env=environment() | {"ORG": str(acme.pk)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    foreseen, loaded, refused, again, *others = done.stdout.splitlines()
    assert foreseen == "Nothing is stored. 2 actions would be, and 1 lines refused."
    assert loaded.startswith("orders.csv: 2 actions stored, 1 lines refused, in ")
    (shown,) = re.findall(r"```json\n(.*)\n```", PAGE)
    assert refused == shown
    assert again.startswith("Nothing to do: done on ")
    assert [line.split(",")[0] for line in others] == [
        "more.jsonl: 1 actions stored",
        "standard input: 1 actions stored",
    ]
    assert [one["order"] for one in stored()] == [4711, 4712, 4713, 4714]
    assert stored()[0]["lines"] == [{"sku": "A"}]
    assert ActionRecord.objects.filter(tags={"shop": "north"}).count() == 2


def test_the_page_tells_the_numbers_as_they_are():
    assert f"up to {MOST_ITEMS:,}" in PAGE
    assert f"the first {MAX_TEXT:,} bytes" in PAGE
    assert f"the first {SHOWN_REFUSALS} are on standard error" in PAGE
