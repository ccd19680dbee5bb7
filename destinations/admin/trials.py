"""The button that sends a test to a destination, and shows what happens."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from config import strictjson
from config.errors import DomainError
from destinations import trials
from destinations.models import Destination
from destinations.schemas import LABEL
from destinations.trials import Trial
from orgs.windows import find_row


class TrialFields(forms.Form):
    """What is sent as a test; `trial` is what came of it, once it has been."""

    trial: Trial | None = None

    input = forms.CharField(
        initial="{}", widget=UnfoldAdminTextareaWidget(attrs={"rows": 6}), help_text="JSON."
    )
    variant = forms.CharField(
        initial=trials.VARIANT,
        max_length=LABEL["maxLength"],
        widget=UnfoldAdminTextInputWidget(),
        help_text="A plain webhook is not told; that of a gateway action takes it for the action's "
        "name, an MCP server for the tool's, unless the destination names one.",
    )

    def clean_input(self) -> Any:
        """The value behind the text."""
        try:
            return strictjson.parse(self.cleaned_data["input"].encode())
        except DomainError as error:
            raise forms.ValidationError(str(error)) from error

    def attempt(self, destination: Destination) -> None:
        """Deliver it; what keeps it from being tried is an error of the form."""
        asked = {name: self.cleaned_data[name] for name in ("input", "variant")}
        try:
            self.trial = trials.try_destination(destination=destination, **asked)
        except DomainError as error:
            self.add_error(None, str(error))


class TrialForm(TrialFields, BaseDialogForm):
    """The same in one of Unfold's dialogs."""

    form_after_template = "admin/trial.html"

    def get_after_template_context(self, *_: Any) -> dict[str, Any]:
        """What came of it."""
        return {"trial": self.trial, "error": self.non_field_errors()}


DIALOG = {
    "title": "Send a test to this destination?",
    "description": "It is delivered now, also where the destination is paused, marked as a test "
    "(x-waybill-test: true). No action stands behind it. What happens is shown here, in ten "
    "seconds at most.",
    "form_class": TrialForm,
    "form_submit_text": "Send it",
}


class TriedAdmin(ModelAdmin):
    """An admin of destinations with that button."""

    @action(  # type: ignore[untyped-decorator]
        description="Send a test", permissions=["change"], icon="send", dialog=DIALOG
    )
    def send_test(self, request: HttpRequest, form: TrialForm, object_id: str) -> HttpResponse:
        """Deliver what the form says, and show below it what happened."""
        destination = find_row(self, request, object_id)
        form.attempt(destination)
        context = {"dialog": DIALOG, "form": form, "form_submit_text": "Send it again"}
        return render(request, "unfold/helpers/dialog.html", context)
