"""The two ways of a payload: a form made from its contract, and its JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from actions import judge
from actions.contracts import InvalidSchemaError, admit, validators
from actions.models import ActionDefinition
from config import strictjson
from config.errors import Fault, split_pointer
from console.ways import drawing
from console.ways.drafts import Way
from console.ways.drawing import Form, Shown, UndrawableError
from console.ways.fields import Reading

JSON = Any
ROOT = "/input"


class PayloadWay(Way):
    """A payload, judged as ingress would."""

    def __init__(self, definition: ActionDefinition) -> None:
        self._definition = definition
        self._form: Form | None = None
        # Of a contract that would not be admitted now, however it came to be stored.
        self._unusable: Sequence[Fault] = ()
        schema = definition.read_schema()
        try:
            admit(schema)
            self._form = drawing.draw(schema)
        except InvalidSchemaError as error:
            self.why = "Nothing can be judged by its contract, which is none."
            self._unusable = error.faults
        except UndrawableError as error:
            self.why = f"There is no form for it, only JSON. {error}"

    @property
    def drawn(self) -> dict[str, Any] | None:
        """The form of the contract."""
        return self._form.drawn if self._form else None

    def show(self, value: JSON) -> Shown:
        """The payload in the form."""
        return self._form.show(value) if self._form else Shown(why=self.why)

    def read(self, data: JSON) -> tuple[JSON, Reading]:
        """The payload behind the form's data."""
        return self._form.try_read(data) if self._form else (data, Reading())

    def locate(self, pointer: str | None, data: JSON) -> str:
        """The input of a part of the payload."""
        return self._form.locate(split_pointer(pointer)) if self._form else ""

    def judge(self, value: JSON) -> Sequence[Fault]:
        """How it breaks its contract."""
        if self._unusable:
            return self._unusable
        faults = validators.find_faults(
            self._definition.pk,
            value,
            strictjson.dumps(value),
            deadline=judge.set_deadline(),
        )
        return [_inside(fault) for fault in faults]


def _inside(fault: Fault) -> Fault:
    return replace(fault, pointer=(fault.pointer or "").removeprefix(ROOT))
