"""What tests of imports start from: files, and the command."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from dispatch.models import ActionPayload


@dataclass
class Ended:
    """How the command ended."""

    code: int
    out: str
    err: str

    @property
    def refused(self):
        """The refused lines that it told on standard error."""
        return [json.loads(line) for line in self.err.splitlines() if line.startswith("{")]


@pytest.fixture
def run(acme):
    """Imports a file of acme's; gives how that ended."""

    def run(file, *arguments):
        out, err = io.StringIO(), io.StringIO()
        words = ["import_records", str(file), f"--org={acme.slug}", *arguments]
        try:
            call_command(*words, stdout=out, stderr=err)
        except CommandError as error:
            return Ended(error.returncode, out.getvalue(), f"{err.getvalue()}{error}")
        except SystemExit as ended:
            return Ended(ended.code, out.getvalue(), err.getvalue())
        return Ended(0, out.getvalue(), err.getvalue())

    return run


@pytest.fixture
def make_file(tmp_path):
    """A file of these bytes, or of a line for each of these values."""

    def make_file(content, name="actions.jsonl"):
        file = Path(tmp_path, name)
        if not isinstance(content, bytes):
            content = b"".join(json.dumps(value).encode() + b"\n" for value in content)
        file.write_bytes(content)
        return file

    return make_file


def stored():
    """The inputs that are stored, in their order."""
    rows = ActionPayload.objects.order_by("record_id").values_list("input", flat=True)
    return [json.loads(row) for row in rows]
