"""The forms of action definitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import orjson
from django import forms
from unfold.forms import PaginationInlineFormSet
from unfold.widgets import (
    UnfoldAdminExpandableTextareaWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldBooleanSwitchWidget,
)

from actions.models import (
    ActionDefinition,
    Compatibility,
    DefinitionDestination,
    OpenContent,
)
from actions.schemas import PUT_DEFINITION
from config import strictjson
from config.errors import DomainError, Fault
from destinations.admin.forms import DrawnJSONField
from destinations.models import Destination
from orgs.windows import ServiceForm

SHOWN_SAMPLE = 500
NEW_SCHEMA = """{
  "type": "object",
  "required": [],
  "properties": {}
}"""


class DefinitionForm(ServiceForm):
    """What can be changed of a definition: all but its contract."""

    alias = DrawnJSONField(
        schema=PUT_DEFINITION["properties"]["alias"],
        label="Aliases",
        required=False,
        help_text="Other names that ingress takes. One that another version holds moves here.",
    )
    description = forms.CharField(
        max_length=10_000, required=False, widget=UnfoldAdminExpandableTextareaWidget
    )

    requires_approval = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="The actions of all versions are held until somebody else than who handed them "
        "in approves. Who may approve may lift it.",
    )

    compatibility = forms.ChoiceField(
        choices=Compatibility.choices,
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text="What each further version of the variant has to be; what is there stays.",
    )
    open_content = forms.ChoiceField(
        choices=OpenContent.choices,
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text="Lenient: an added property breaks nothing where the other contract leaves it "
        "open, because nobody sends what no contract lists.",
    )

    class Meta:
        model = ActionDefinition
        fields = (
            "alias", "description", "requires_approval", "compatibility", "open_content",
            "deprecated_at", "sunset_at",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        held = self.instance.names.all() if self.instance.pk else []
        self.initial.setdefault("alias", [name.name for name in held])


class PublishForm(DefinitionForm):
    """A new definition, or the next version of one."""

    version = forms.IntegerField(
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Empty: the next one.",
    )
    schema = forms.CharField(
        label="JSON Schema",
        initial=NEW_SCHEMA,
        widget=UnfoldAdminTextareaWidget(
            {"class": "waybill-code", "rows": 18, "spellcheck": "false", "wrap": "off"}
        ),
        help_text="2020-12, unless $schema says draft 4, 6, 7 or 2019-09.",
    )
    allow_indeterminate = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="Publish it also where it cannot be told whether it is compatible.",
    )

    class Meta:
        model = ActionDefinition
        fields = (
            "org", "variant", "version", "alias", "description", "requires_approval",
            "compatibility", "open_content", "allow_indeterminate", "schema",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["requires_approval"].help_text += " Not ticked: as it is now."
        for name, choices in (("compatibility", Compatibility), ("open_content", OpenContent)):
            field = cast("forms.ChoiceField", self.fields[name])
            field.choices = [("", "As it is now"), *choices.choices]

    def add_faults(self, faults: Sequence[Fault]) -> None:
        """Show each fault at its field, with the payload that shows it, if any."""
        super().add_faults([replace(fault, message=tell(fault)) for fault in faults])

    def clean_schema(self) -> Any:
        """The schema as a value."""
        try:
            return strictjson.parse(self.cleaned_data["schema"].encode())
        except DomainError as error:
            raise forms.ValidationError(str(error)) from error


def tell(fault: Fault) -> str:
    """What is wrong, and a payload that shows it."""
    finding = fault.finding or {}
    if "sample" not in finding:
        return fault.message
    sample = orjson.dumps(finding["sample"]).decode()
    contracts = {"old": "the older contract", "new": "the newer one"}
    taken, refused = contracts[finding["accepted_by"]], contracts[finding["refused_by"]]
    return f"{fault.message} {shorten(sample)} is taken by {taken} and refused by {refused}."


def shorten(text: str) -> str:
    """A text of a few lines at the most."""
    return text if len(text) <= SHOWN_SAMPLE else f"{text[:SHOWN_SAMPLE]}…"


class LinkForm(ServiceForm):
    """One link. That there is one default, the service sees to."""

    class Meta:
        model = DefinitionDestination
        fields = ("destination", "is_default")


class LinkFormSet(PaginationInlineFormSet):
    """The links of one definition."""

    def add_fields(self, form: forms.ModelForm, index: int | None) -> None:
        """Offer the organization's live destinations; a link that exists keeps its own."""
        super().add_fields(form, index)
        destination = cast(forms.ModelChoiceField, form.fields["destination"])
        destination.queryset = Destination.objects.of_org(self.instance.org_id)
        destination.disabled = form.instance.pk is not None

    def clean(self) -> None:
        """Refuse two that are newly ticked: which of them was meant is not to be guessed."""
        super().clean()
        ticked = [form for form in self.forms if form.has_changed() and is_default(form)]
        if len(ticked) > 1:
            raise forms.ValidationError("Only one destination is the default.")


def is_default(form: forms.ModelForm) -> bool:
    """Whether a form that stays asks to be the default."""
    return bool(form.cleaned_data.get("is_default")) and not form.cleaned_data.get("DELETE")
