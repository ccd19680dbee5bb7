"""The form of a bulk operation: judged as the API judges it, and previewed before it starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.utils.html import format_html
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from config import validation
from config.errors import Fault
from config.parsing import NO_MOMENT, find_local_moment, find_zone
from destinations.admin.forms import DrawnJSONField
from destinations.models import Destination
from destinations.schemas import TAGS
from dispatch.models import ActionRecord
from dispatch.schemas import SHOWN_STATUS
from operations.models import BulkOperation
from operations.schemas import NEW_OPERATION
from operations.services import DEFAULT_CAP
from orgs.windows import ServiceForm, is_row_id

FILTER = (
    "status", "variant", "destination", "destination_label", "tags", "error", "created_after",
    "created_before", "after_id", "ids",
)  # fmt: skip
_SHAPE = validation.compile_schema(NEW_OPERATION)


class RowSelect(AutocompleteSelect):
    """Django's; what is no row's id selects nothing, where Django would fail to draw it."""

    def optgroups(self, name: str, value: Sequence[str], attr: Any = None) -> Any:
        """The row that is selected, if it is one."""
        return super().optgroups(name, [one for one in value if is_row_id(str(one))], attr)


class MomentField(forms.CharField):
    """A moment of the zone that the form is in."""

    def __init__(self, **kwargs: Any) -> None:
        widget = UnfoldAdminTextInputWidget({"type": "datetime-local", "step": "1"})
        super().__init__(widget=widget, **kwargs)


class BulkForm(ServiceForm):
    """What is done to which actions, to how many at most, and why."""

    status = forms.ChoiceField(
        choices=[("", "Any"), *((status, status) for status in SHOWN_STATUS["enum"])],
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text="A replay takes actions that are over, a cancel those that are not; approve and "
        "deny take those that are held.",
    )
    variant = forms.CharField(
        required=False, widget=UnfoldAdminTextInputWidget, help_text="Whatever the version."
    )
    destination = forms.ModelChoiceField(
        queryset=Destination.objects.all(),
        required=False,
        widget=RowSelect(ActionRecord._meta.get_field("destination"), admin.site),
    )
    tags = DrawnJSONField(
        schema=TAGS, required=False, help_text="Those that an action has at least."
    )
    # That of the browser which fills the form in, or of the search that it is filled in from.
    zone = forms.CharField(required=False, widget=forms.HiddenInput({"data-zone": ""}))
    created_after = MomentField(label="Accepted from", required=False)
    created_before = MomentField(label="Accepted before", required=False)
    after_id = forms.CharField(
        label="After id",
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="To go on where a capped one has stopped.",
    )
    destination_label = forms.CharField(
        label="Destination's label",
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Of all destinations that have it, deleted ones too.",
    )
    error = forms.CharField(
        label="Error says",
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="What the error says somewhere.",
    )
    ids = forms.CharField(
        label="Ids",
        required=False,
        widget=UnfoldAdminTextareaWidget({"rows": 2}),
        help_text="Only these, by spaces or commas apart.",
    )

    class Meta:
        model = BulkOperation
        fields = ("kind", "org", "cap", "reason")
        widgets = {
            "cap": UnfoldAdminIntegerFieldWidget,
            "reason": UnfoldAdminTextareaWidget({"rows": 3}),
        }
        help_texts = {
            "cap": "At most this many are done, those of the smallest ids.",
            "reason": "The events of each action tell it.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("cap", DEFAULT_CAP)
        said = 'In the time of <span data-zone-name="">{}</span>.'
        for name in ("created_after", "created_before"):
            self.fields[name].help_text = format_html(said, self.their_zone)

    @property
    def their_zone(self) -> tzinfo:
        """In which its moments are meant."""
        return find_zone(self["zone"].value() or "")

    def clean_created_after(self) -> datetime | None:
        """It, where one was typed."""
        return self._read_moment("created_after")

    def clean_created_before(self) -> datetime | None:
        """The same."""
        return self._read_moment("created_before")

    def _read_moment(self, name: str) -> datetime | None:
        text = self.cleaned_data[name]
        moment = find_local_moment(text, self.their_zone)
        if text and moment is None:
            raise forms.ValidationError(NO_MOMENT)
        return moment

    def clean_ids(self) -> list[str]:
        """Them one by one."""
        return list(self.cleaned_data["ids"].replace(",", " ").split())

    @property
    def asked(self) -> dict[str, Any]:
        """The filter as the API takes it."""
        given = {name: self.cleaned_data.get(name) for name in FILTER}
        return {name: _write(value) for name, value in given.items() if value}

    def clean(self) -> dict[str, Any] | None:
        """The input, with what the API would refuse of it."""
        cleaned = super().clean() or self.cleaned_data
        names = self.cleaned_data.keys() & set(NEW_OPERATION["properties"])
        body = {name: self.cleaned_data[name] for name in names} | {"filter": self.asked}
        faults = validation.find_faults(_SHAPE, body, code="INVALID")
        # What is missing, or is no value at all, its field has said already.
        self.add_faults([fault for fault in faults if _leaf(fault) not in self.errors])
        return cleaned

    def add_faults(self, faults: Sequence[Fault]) -> None:
        """Show each fault at its field: the filter's are fields like the others here."""
        here = [replace(fault, pointer=_without_filter(fault.pointer)) for fault in faults]
        super().add_faults(here)


def read_initial(query: Mapping[str, str]) -> dict[str, Any]:
    """What the form starts with: what a query names as this form does."""
    named = {
        name: value
        for name, value in query.items()
        if name not in {"org", "destination"} or is_row_id(value)
    }
    return {
        name: value
        for name, field in BulkForm.base_fields.items()
        if (value := field.widget.value_from_datadict(named, {}, name)) not in (None, [None, None])
    }


def _write(value: Any) -> Any:
    if isinstance(value, Destination):
        return str(value.pk)
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


def _without_filter(pointer: str | None) -> str | None:
    return None if pointer is None else pointer.removeprefix("/filter")


def _leaf(fault: Fault) -> str:
    return (_without_filter(fault.pointer) or "/").split("/")[1]
