"""What `jsonschema`, which shares no code with the product's validator, says of a payload."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError

# What tells the branches of GitHub's unions apart: the value itself, or its `action`.
DISCRIMINATORS = ([], ["action"])


def find_pointers(schema: dict[str, Any], payloads: Iterable[Any]) -> Iterator[list[str]]:
    """For each payload the JSON Pointers of its faults, sorted; none for a valid one."""
    validator = Draft7Validator(schema, format_checker=Draft7Validator.FORMAT_CHECKER)
    for payload in payloads:
        found: set[str] = set().union(*map(open_up, validator.iter_errors(payload)))
        yield sorted(found)


def open_up(error: ValidationError) -> set[str]:
    """Where the faults of an error lie: a missing key at its own place, a union's in a branch."""
    path = list(error.absolute_path)
    match error.validator:
        case "required":
            missing = (name for name in error.validator_value if name not in error.instance)
            return {write_pointer([*path, name]) for name in missing}
        case "additionalProperties":
            known = error.schema.get("properties", {})
            return {write_pointer([*path, name]) for name in error.instance if name not in known}
        case "anyOf" | "oneOf" if error.context:
            return open_union(error)
    return {write_pointer(path)}


def open_union(error: ValidationError) -> set[str]:
    """The faults of the branch that was meant: it takes the payload's `action`; fewest faults."""
    branches: defaultdict[Any, list[ValidationError]] = defaultdict(list)
    for fault in error.context:
        branches[fault.schema_path[0]].append(fault)
    meant = [faults for faults in branches.values() if not any(map(is_of_another_kind, faults))]
    opened = [set().union(*map(open_up, faults)) for faults in meant or branches.values()]
    return min(opened, key=lambda found: ("/action" in found, len(found)))


def is_of_another_kind(fault: ValidationError) -> bool:
    """Whether a branch with this fault was meant for another kind of value."""
    tells = fault.validator in {"const", "enum", "type"}
    return tells and list(fault.relative_path) in DISCRIMINATORS


def write_pointer(path: Iterable[str | int]) -> str:
    """The path as RFC 6901 writes it."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
