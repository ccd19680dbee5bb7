"""What somebody wants to send, as a form has it: a payload, and what goes with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from actions.contracts import admit
from actions.models import ActionDefinition
from config import strictjson
from config.errors import RuleError
from dispatch import serializers
from dispatch.direct import Order
from dispatch.intake import Submission


@dataclass(frozen=True, slots=True)
class Wanted:
    """An action that would be handed in, judged by nobody yet."""

    org_id: int
    submission: Submission
    key: str
    actor: str

    @property
    def order(self) -> Order:
        """The same, as what is delivered at once."""
        one = self.submission
        return Order(self.org_id, one.name, one.input, self.actor, one.version, one.tags)


def read(request: HttpRequest, definition: ActionDefinition) -> Wanted:
    """What was posted, its shape checked as ingress does; `DomainError` says what is wrong."""
    admit(definition.read_schema())
    asked = request.POST
    body: dict[str, Any] = {
        "input": strictjson.parse(asked.get("text", "").encode("utf-8", "surrogatepass"))
    }
    if tags := read_tags(asked.get("tags", "")):
        body["tags"] = tags
    if version := asked.get("version", "").strip():
        body["version"] = _read_number(version, "A version")
    if timeout := asked.get("timeout", "").strip():
        body["timeout"] = _read_number(timeout, "A timeout")
    return Wanted(
        definition.org_id,
        serializers.read_submission(body, {}, definition.variant),
        asked.get("key", "").strip(),
        request.user.get_username(),
    )


def read_tags(text: str) -> dict[str, str]:
    """Tags, one `name=value` a line."""
    if "\0" in text:
        raise RuleError("A tag holds no NUL.", pointer="/tags")
    tags: dict[str, str] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        name, equals, value = line.partition("=")
        if not equals or not name.strip():
            raise RuleError(f"A tag is written name=value, not {line.strip()!r}.", pointer="/tags")
        if name.strip() in tags:
            raise RuleError(f"The tag {name.strip()!r} stands twice.", pointer="/tags")
        tags[name.strip()] = value.strip()
    return tags


def _read_number(text: str, what: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise RuleError(f"{what} is a whole number.")
    return int(text)
