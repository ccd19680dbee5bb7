"""Forms on JSON: a field that draws its JSON Schema, and the form of a destination."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, cast

from django import forms
from django.forms.widgets import Media
from django_jsonform.constants import JOIN_SYMBOL
from django_jsonform.widgets import JSONFormWidget
from unfold.widgets import UnfoldAdminSelectWidget

from config import strictjson, validation
from config.errors import DomainError, Fault
from destinations import jsonforms, kinds
from destinations.kinds import KINDS
from destinations.models import Destination, Kind
from destinations.schemas import TAGS
from orgs.windows import ServiceForm, split_pointer

Judge = Callable[[Any], list[Fault]]


class DrawnWidget(JSONFormWidget):
    """jsonform's widget in Unfold's clothes."""

    @property
    def media(self) -> Media:
        """jsonform's files, and what makes them fit."""
        ours = Media(
            css={"all": ["destinations/jsonform.css"]}, js=["destinations/typed_config.js"]
        )
        media: Media = super().media
        return media + ours


class DrawnJSONField(forms.Field):
    """A JSON value, typed into a form that follows its JSON Schema.

    The schema's own validator judges it, not jsonform's, and its faults stand under the
    inputs they speak of.
    """

    def __init__(
        self, *, schema: dict[str, Any], judge: Judge | None = None, **kwargs: Any
    ) -> None:
        super().__init__(widget=DrawnWidget(schema={}), **kwargs)
        self.drawn: Any = None
        self.draw(schema, judge=judge)

    def draw(
        self, schema: dict[str, Any], *, judge: Judge | None = None, example: Any = None
    ) -> None:
        """Follow this schema; `judge` finds the faults of a value."""
        self.schema = schema
        self.judge = judge or judge_by(schema)
        self.widget.schema = jsonforms.draw(schema, example)

    def to_python(self, value: str | None) -> Any:
        """The value behind the form's data."""
        try:
            self.drawn = strictjson.parse((value or "null").encode())
            return jsonforms.read(self.drawn, self.schema)
        except (DomainError, jsonforms.MapError) as error:
            raise forms.ValidationError(str(error)) from error

    def validate(self, value: Any) -> None:
        """Refuse what the schema refuses."""
        faults = self.judge(value)
        for fault in faults:
            _, *path = split_pointer(fault.pointer) or [""]
            self.mark(path, fault.message)
        if faults:
            raise forms.ValidationError("Please correct what is marked above.")

    def mark(self, path: Sequence[str], message: str) -> None:
        """Show a fault under the input of what stands at this path."""
        place = JOIN_SYMBOL.join(jsonforms.locate(path, self.schema, self.drawn))
        self.widget.add_error({place: [message]})

    def prepare_value(self, value: Any) -> str:
        """The form's data: as it was posted, or made from a value."""
        if isinstance(value, str):
            return value
        return json.dumps(jsonforms.fill(value, self.schema))

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether the data stand for another value."""
        try:
            return bool((initial or None) != (self.to_python(data) or None))
        except forms.ValidationError:
            return True


def judge_by(schema: dict[str, Any]) -> Judge:
    """Finds the faults of values by this schema alone."""
    validator = validation.compile_schema(schema)
    return lambda value: validation.find_faults(validator, value, code="INVALID", at=("value",))


class DestinationForm(ServiceForm):
    """A destination; the form of its config is drawn from its type's own schema."""

    type = forms.ChoiceField(
        choices=[(kind, kind) for kind in Kind.values], widget=UnfoldAdminSelectWidget
    )
    config = DrawnJSONField(schema=KINDS[Kind.WEBHOOK].CONFIG, required=False)
    tags = DrawnJSONField(
        schema=TAGS, required=False, help_text="For people: to find it again. At most 16."
    )

    class Meta:
        model = Destination
        fields = ("org", "label", "type", "config", "tags")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kind = self.instance.type or self.data.get("type") or self.get_initial_type()
        self.draw_config(kind if kind in KINDS else Kind.WEBHOOK)

    def get_initial_type(self) -> str:
        """The type that a new destination starts with."""
        return str(self.initial.setdefault("type", Kind.WEBHOOK))

    def draw_config(self, kind: str) -> None:
        """Make the config's form that of this type; the page gets the other types' as well."""
        config = cast(DrawnJSONField, self.fields["config"])
        module = KINDS[kind]
        config.draw(
            module.CONFIG,
            judge=lambda value: kinds.find_config_faults(kind, value),
            example=module.EXAMPLE,
        )
        if self.instance.pk is None:
            drawn = {
                name: jsonforms.draw(module.CONFIG, module.EXAMPLE)
                for name, module in KINDS.items()
            }
            config.widget.attrs["data-schemas"] = json.dumps(drawn)

    def clean_config(self) -> dict[str, Any]:
        """The config, with the keys that its schema admits without naming them."""
        config: dict[str, Any] = self.cleaned_data["config"]
        named = cast(DrawnJSONField, self.fields["config"]).schema["properties"]
        return {k: v for k, v in self.instance.config.items() if k not in named} | config

    def clean_tags(self) -> dict[str, str] | None:
        """The tags; none is null."""
        return self.cleaned_data["tags"] or None
