"""The steps of a plan, and how they are shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from bundles.planning.definitions import Said
from bundles.planning.states import Target, Version
from bundles.planning.wishes import Entry

ACTION, DESTINATION = "action", "destination"
CREATE, UPDATE, KEEP, PRUNE = "create", "update", "keep", "prune"
SIGNS = {CREATE: "+", UPDATE: "~", KEEP: "=", PRUNE: "-"}
SINK = {"by": "default_sink", "value": "default_sink"}
# What is no property of its own: who it is, and whether it is there.
_NOT_SHOWN = ("id", "digest", "is_live")
_LINKS = ("links", "default")


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of a version of a variant, or of a destination; `before` and `after` are None
    where it is not there. `number` and `current` are of a variant."""

    kind: str
    op: str
    name: str
    pointer: str
    before: Version | Target | None
    after: Version | Target | None
    entry: Entry | None = None
    number: int = 0
    current: int | None = None
    # The row that it is about, if there is one: also one that comes back.
    id: int | None = None
    # What the document says of all versions of the variant.
    said: Said = ()

    def __str__(self) -> str:
        return f"{self.name} v{self.number}" if self.kind == ACTION else self.name

    def changes(self) -> Iterator[tuple[str, Any, Any]]:
        """What of it becomes something else: its name, before, and after."""
        one = self.after or self.before
        for field in fields(one) if one else ():
            before = getattr(self.before, field.name, None)
            after = getattr(self.after, field.name, None)
            if field.name not in _NOT_SHOWN and before != after:
                yield field.name, before, after


def find_op(before: Any, after: Any) -> str:
    """What turns the one into the other."""
    if before is None:
        return CREATE
    if after is None:
        return PRUNE
    return KEEP if before == after else UPDATE


def preview(step: Step) -> dict[str, Any]:
    """A step as the published API shows it, with what Waybill has beside that."""
    row_id = None if step.id is None else str(step.id)
    shown: dict[str, Any] = {"kind": step.kind, "op": step.op, "id": row_id}
    if isinstance(step.after or step.before, Version):
        shown |= _preview_action(step)
    else:
        shown |= {"label": step.name}
    if step.op == CREATE and isinstance(step.after, Target):
        shown["create"] = {"label": step.name} | _properties(step.after)
    if step.op == UPDATE:
        named = {"version": step.number} if step.kind == ACTION else {}
        shown["update"] = named | {published(name): after for name, _, after in step.changes()}
    return shown


def _preview_action(step: Step) -> dict[str, Any]:
    after = step.after if isinstance(step.after, Version) else None
    default = after.default if after else None
    shown: dict[str, Any] = {
        "variant": step.name,
        "final_version": step.number,
        "current_version": step.current,
        "destination": {"by": "label", "value": default} if default else SINK,
    }
    if step.op == CREATE and after:
        schema = {"schema": step.entry["schema"]} if step.entry and "schema" in step.entry else {}
        named = {"variant": step.name, "version": step.number, **schema}
        # Links that come from the version before are its own, however many versions repeat them.
        is_inherited = after.links and "destinations" not in (step.entry or {})
        shown["create"] = named | {
            published(name): value
            for name, value in _properties(after).items()
            if not (is_inherited and name in _LINKS)
        }
    return shown


def _properties(one: Version | Target) -> dict[str, Any]:
    names = (field.name for field in fields(one) if field.name not in _NOT_SHOWN)
    return {name: getattr(one, name) for name in names}


def published(name: str) -> str:
    """What the API calls it."""
    return {"aliases": "alias", "links": "destinations"}.get(name, name)
