"""What is sent to a destination as a test, and what comes of it."""

from __future__ import annotations

from typing import Any

from django import forms

from config import strictjson
from config.errors import DomainError
from destinations import trials
from destinations.models import Destination
from destinations.schemas import LABEL
from destinations.trials import Trial


class TrialForm(forms.Form):
    """What is sent as a test; `trial` is what came of it, once it has been."""

    trial: Trial | None = None

    input = forms.CharField(initial="{}")
    variant = forms.CharField(
        initial=trials.VARIANT,
        max_length=LABEL["maxLength"],
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
