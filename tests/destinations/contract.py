"""The published contract file, read by a validator that is not the product's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

_FILE = Path(__file__).parent.parent / "data" / "contract" / "put-action-definition.openapi.yaml"
ORACLE_FORMATS = Draft202012Validator.FORMAT_CHECKER


def make_oracle(schema: Any) -> Draft202012Validator:
    """A validator of the schema that checks formats as well."""
    return Draft202012Validator(schema, format_checker=ORACLE_FORMATS)


def _read_answer() -> dict[str, Any]:
    document = yaml.safe_load(_FILE.read_text())
    (path,) = document["paths"].values()
    answer: dict[str, Any] = path["put"]["responses"]["200"]["content"]["application/json"]
    return answer["schema"]


def _read_union(answer: dict[str, Any]) -> list[dict[str, Any]]:
    definition = answer["properties"]["data"]["anyOf"][0]["properties"]
    link = definition["destinations"]["items"]["properties"]
    union: list[dict[str, Any]] = link["destination"]["allOf"][-1]["anyOf"]
    return union


ANSWER = _read_answer()
# The answer of PUT .../actions/definitions.
ANSWER_ORACLE = make_oracle(ANSWER)
# The config of each type of destination.
CONFIG_BRANCHES = {
    branch["properties"]["type"]["enum"][0]: branch["properties"]["config"]
    for branch in _read_union(ANSWER)
}
CONFIG_ORACLES = {kind: make_oracle(branch) for kind, branch in CONFIG_BRANCHES.items()}
