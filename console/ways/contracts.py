"""The two ways of a contract: the builder's form, and its JSON Schema."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from actions.contracts import InvalidSchemaError, admit
from config.errors import Fault
from console.ways import building
from console.ways.drafts import Way
from console.ways.drawing import Shown
from console.ways.fields import Reading

JSON = Any
ROOT = "/schema"


class ContractWay(Way):
    """A contract, judged as publishing would."""

    @property
    def drawn(self) -> dict[str, Any]:
        """The builder."""
        return building.draw()

    def show(self, value: JSON) -> Shown:
        """The contract in the builder."""
        return building.show(value)

    def read(self, data: JSON) -> tuple[JSON, Reading]:
        """The contract behind the builder's data."""
        return building.read_form(data)

    def locate(self, pointer: str | None, data: JSON) -> str:
        """The input of a part of the contract."""
        return building.locate(pointer, data)

    def judge(self, value: JSON) -> Sequence[Fault]:
        """Why it is no contract."""
        try:
            admit(value)
        except InvalidSchemaError as error:
            return [_inside(fault) for fault in error.faults]
        return ()


def _inside(fault: Fault) -> Fault:
    return replace(fault, pointer=(fault.pointer or "").removeprefix(ROOT))
