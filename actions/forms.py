"""The forms of action definitions."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from unfold.forms import PaginationInlineFormSet
from unfold.widgets import (
    UnfoldAdminExpandableTextareaWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextareaWidget,
    UnfoldBooleanSwitchWidget,
)

from actions.models import ActionDefinition, DefinitionDestination
from actions.schemas import PUT_DEFINITION
from config import strictjson
from config.errors import DomainError
from destinations.admin.forms import DrawnJSONField
from destinations.models import Destination
from orgs.windows import ServiceForm

NEW_SCHEMA = """{
  "type": "object",
  "required": [],
  "properties": {}
}"""


class DefinitionForm(ServiceForm):
    """What can be changed of a definition: aliases, description, if actions need approval."""

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

    class Meta:
        model = ActionDefinition
        fields = ("alias", "description", "requires_approval")

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

    class Meta:
        model = ActionDefinition
        fields = (
            "org", "variant", "version", "alias", "description", "requires_approval", "schema",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["requires_approval"].help_text += " Not ticked: as it is now."

    def clean_schema(self) -> Any:
        """The schema as a value."""
        try:
            return strictjson.parse(self.cleaned_data["schema"].encode())
        except DomainError as error:
            raise forms.ValidationError(str(error)) from error


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
