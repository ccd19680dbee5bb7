"""However many operations a document has, the process stays below 300 MB, Django and all."""

from __future__ import annotations

import os
import subprocess
import sys

import orjson

from bundles.openapi.conversion import MAX_OPERATIONS
from tests.bundles.openapi.described import describe

LIMIT = 300_000_000
# In a process of its own, for the most that a process ever had is not reset.
CONVERT = r"""
import re, sys
import django
django.setup()
import config.urls
from bundles import openapi, reading
from bundles.openapi.faults import UnusableError
for path in sys.argv[1:]:
    try:
        converted = openapi.convert(reading.read(path, plain_keys=True).value)
        print(f"{len(converted.document['actions'])} definitions")
    except UnusableError as error:
        print(error)
# What getrusage says begins with the most that the parent had.
print(re.search(r"VmHWM:\s*(\d+) kB", open("/proc/self/status").read())[1])
"""


def test_memory_is_bounded(tmp_path):
    paths = []
    for number in (100_000, MAX_OPERATIONS):
        paths.append(tmp_path / f"{number}.json")
        operations = {f"/a/{index}": {"put": {}} for index in range(number)}
        document = describe(paths=operations, servers=[{"url": "https://a.example"}])
        paths[-1].write_bytes(orjson.dumps(document))
    done = subprocess.run(
        [sys.executable, "-c", CONVERT, *paths],
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        check=True,
    )
    too_many, as_many, most = done.stdout.splitlines()
    said = f"These are 100,000 operations, more than {MAX_OPERATIONS:,}. Import it in"
    assert too_many.startswith(said)
    assert as_many == f"{MAX_OPERATIONS} definitions"
    assert int(most) * 1024 < LIMIT
