"""What the API gives, as values. `raw` is the whole answer, for what is not named here."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a request: a code, a sentence, and a JSON Pointer."""

    code: str
    message: str
    pointer: str | None = None

    @classmethod
    def read(cls, raw: dict[str, Any]) -> Problem:
        """As the API says it."""
        return cls(raw["code"], raw["message"], raw.get("pointer"))

    def __str__(self) -> str:
        at = f" at {self.pointer}" if self.pointer else ""
        return f"{self.code}{at}: {self.message}"


@dataclass(frozen=True, slots=True)
class Action:
    """An action in a worker's hands until `deadline`, which the worker moves while it works."""

    id: str
    attempt: int
    variant: str
    version: int
    input: Any
    tags: dict[str, str]
    deadline: datetime

    @classmethod
    def read(cls, raw: dict[str, Any]) -> Action:
        """As a pull gives it."""
        return cls(
            raw["action_record_id"],
            raw["attempt"],
            raw["variant"],
            raw["version"],
            raw["input"],
            raw["tags"],
            datetime.fromisoformat(raw["deadline"]),
        )

    def __str__(self) -> str:
        return f"action {self.id} ({self.variant}, attempt {self.attempt})"


@dataclass(frozen=True, slots=True)
class Submitted:
    """An action that Waybill has taken custody of."""

    id: str
    status: str
    variant: str
    version: int

    @classmethod
    def read(cls, raw: dict[str, Any]) -> Submitted:
        """As ingress answers."""
        return cls(raw["id"], raw["status"], raw["variant"], raw["version"])


@dataclass(frozen=True, slots=True)
class Record:
    """An action with what has become of it."""

    id: str
    status: str
    attempt: int
    input: Any
    tags: dict[str, str]
    error_message: str | None
    raw: dict[str, Any] = field(repr=False, compare=False)

    @classmethod
    def read(cls, raw: dict[str, Any]) -> Record:
        """As the API shows it; one of a list has no events."""
        state = raw["state"]
        return cls(
            raw["id"],
            state["status"],
            state["attempt"],
            raw["input"],
            raw["tags"],
            state["error_message"],
            raw,
        )

    @property
    def events(self) -> list[dict[str, Any]]:
        """What happened to it, oldest first."""
        return list(self.raw.get("events", ()))


@dataclass(frozen=True, slots=True)
class Definition:
    """A kind of action: one version of a variant, and its contract."""

    id: str
    variant: str
    version: int
    alias: list[str]
    schema: Any
    raw: dict[str, Any] = field(repr=False, compare=False)

    @classmethod
    def read(cls, raw: dict[str, Any]) -> Definition:
        """As the API shows it."""
        return cls(raw["id"], raw["variant"], raw["version"], raw["alias"], raw["schema"], raw)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where actions go."""

    id: str
    label: str
    type: str
    config: dict[str, Any]
    raw: dict[str, Any] = field(repr=False, compare=False)

    @classmethod
    def read(cls, raw: dict[str, Any]) -> Destination:
        """As the API shows it."""
        return cls(raw["id"], raw["label"], raw["type"], raw.get("config", {}), raw)
