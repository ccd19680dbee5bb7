"""The recipes of docs/consumers.md, as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from django.conf import settings

from tests import factories
from tests.actions.consumers.test_typescript import COMPILER, NODE, STRICT
from tests.routes import EXAMPLE

RECIPES = dict(
    re.findall(
        r"^```(python|ts)\n(.*?)^```",
        (settings.BASE_DIR / "docs/consumers.md").read_text(),
        re.DOTALL | re.MULTILINE,
    )
)
# What a consumer brings, and one that has another contract in mind.
PYTHON = "def handle(payload):\n    return {}\n"
TYPESCRIPT = """
import type {{ SendEmail }} from "./send_email.ts";
export function handle(payload: SendEmail): boolean {{
  return {};
}}
"""


@pytest.fixture
def folder(api, acme, tmp_path):
    """What the recipe's curl fetches."""
    definition = factories.make_definition(acme, EXAMPLE["variant"], schema=EXAMPLE["schema"])
    for what, name in (
        ("examples", "examples.json"),
        ("python", "send_email.py"),
        ("typescript", "send_email.ts"),
    ):
        answer = api.get(f"~/actions/definitions/{definition.pk}/{what}")
        (tmp_path / name).write_bytes(answer.content)
    return tmp_path


def run(folder, *command):
    done = subprocess.run(
        [*map(str, command)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("handled", "ended"), [('"@" in payload["recipient"]', 0), ('payload["to"]', 1)]
)
def test_a_consumer_in_python(folder, handled, ended):
    (folder / "handler.py").write_text(PYTHON.format(handled))
    (folder / "test_contract.py").write_text(RECIPES["python"])
    (folder / "pytest.ini").write_text("[pytest]\n")

    code, told = run(folder, sys.executable, "-m", "pytest", "-q", ".")

    assert code == ended, told
    assert re.search(r"\d\d (passed|failed)", told)


@pytest.mark.parametrize(
    ("handled", "ended"), [('payload.recipient.includes("@")', 0), ("false", 1)]
)
def test_a_consumer_in_typescript(folder, handled, ended):
    (folder / "handler.ts").write_text(TYPESCRIPT.format(handled))
    (folder / "contract.mts").write_text(RECIPES["ts"])

    code, told = run(folder, NODE, "--disable-warning=ExperimentalWarning", "contract.mts")

    assert code == ended, told


def test_the_recipe_in_typescript_has_no_wrong_type(folder):
    (folder / "handler.ts").write_text(TYPESCRIPT.format("payload.recipient !== payload.subject"))
    (folder / "contract.ts").write_text(RECIPES["ts"])

    options = ("--allowImportingTsExtensions", "--resolveJsonModule")
    code, told = run(folder, NODE, COMPILER, *STRICT, *options, "contract.ts")

    assert (code, told) == (0, "")
