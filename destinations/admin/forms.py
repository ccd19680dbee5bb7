"""Forms on JSON: fields that draw their JSON Schema, of destinations and credentials."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from typing import Any, cast

from django import forms
from django.forms.widgets import Media
from django_jsonform.constants import JOIN_SYMBOL
from django_jsonform.widgets import JSONFormWidget
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
)

from config import strictjson, validation
from config.errors import DomainError, Fault, split_pointer
from destinations import kinds
from destinations.admin import jsonforms, secret_forms
from destinations.credentials import SHAPES
from destinations.kinds import KINDS
from destinations.models import Credential, CredentialType, Destination, Kind
from destinations.schemas import TAGS
from orgs.models import SigningKey
from orgs.windows import ServiceForm

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
    """A destination; the form of its config is drawn from its type's own schema.

    Which credentials and signing keys can be chosen depends on its organization and type: the
    page's script tells them to whoever searches.
    """

    field_names = {"credential_id": "credential", "signing_key_id": "signing_key"}

    type = forms.ChoiceField(
        choices=[(kind, kind) for kind in Kind.values], widget=UnfoldAdminSelectWidget
    )
    config = DrawnJSONField(schema=kinds.SCHEMAS[Kind.WEBHOOK], required=False)
    tags = DrawnJSONField(
        schema=TAGS, required=False, help_text="For people: to find it again. At most 16."
    )

    class Meta:
        model = Destination
        fields = ("org", "label", "type", "config", "tags", "credential", "signing_key")
        help_texts = {
            "credential": "Of this organization, and of a type that the destination takes.",
            "signing_key": "Deliveries to a webhook bear its signature (Standard Webhooks).",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            # It never changes, and no page of a row asks for it.
            self.fields.pop("type", None)
        kind = self.instance.type or self.data.get("type") or self.get_initial_type()
        self.draw_config(kind if kind in KINDS else Kind.WEBHOOK)

    def get_initial_type(self) -> str:
        """The type that a new destination starts with."""
        return str(self.initial.setdefault("type", Kind.WEBHOOK))

    def draw_config(self, kind: str) -> None:
        """Make the config's form that of this type; the page gets the other types' as well."""
        config = cast(DrawnJSONField, self.fields["config"])
        config.draw(
            kinds.SCHEMAS[kind],
            judge=lambda value: kinds.find_config_faults(kind, value),
            example=KINDS[kind].EXAMPLE,
        )
        if self.instance.pk is None:
            drawn = {
                name: jsonforms.draw(kinds.SCHEMAS[name], module.EXAMPLE)
                for name, module in KINDS.items()
            }
            config.widget.attrs["data-schemas"] = json.dumps(drawn)
            config.widget.attrs["data-field"] = "id_config"
        else:
            config.widget.attrs["data-org"] = str(self.instance.org_id)
            config.widget.attrs["data-kind"] = kind

    def clean_config(self) -> dict[str, Any]:
        """The config, with the keys that its schema admits without naming them."""
        config: dict[str, Any] = self.cleaned_data["config"]
        named = cast(DrawnJSONField, self.fields["config"]).schema["properties"]
        return {k: v for k, v in self.instance.config.items() if k not in named} | config

    def clean_tags(self) -> dict[str, str] | None:
        """The tags; none is null."""
        return self.cleaned_data["tags"] or None


class SecretField(DrawnJSONField):
    """The secret of a credential. It is written and never read: nobody gets it back in a page."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(schema=secret_forms.SCHEMAS[CredentialType.HTTP_AUTH_HEADERS], **kwargs)
        self.draw_type(CredentialType.HTTP_AUTH_HEADERS)

    def draw_type(self, kind: str) -> None:
        """Follow this type of credential."""
        self.kind = kind
        self.draw(secret_forms.SCHEMAS[kind], judge=functools.partial(secret_forms.judge, kind))

    def to_python(self, value: str | None) -> Any:
        """The secret behind the form's data; None where nothing was typed."""
        typed = super().to_python(value)
        try:
            return secret_forms.read(self.kind, typed) if typed else None
        except DomainError as error:
            raise forms.ValidationError(f"This is no JSON key file: {error}") from error

    def validate(self, value: Any) -> None:
        """Refuse what the API refuses; each fault says where, for the inputs are empty again."""
        if value is None:
            raise forms.ValidationError("This field is required.")
        faults = self.judge(value)
        if faults:
            told = [f"{fault.message} (at {fault.pointer})" for fault in faults]
            raise forms.ValidationError([*told, "Nothing of it is kept: type it again."])

    def mark(self, path: Sequence[str], message: str) -> None:
        """Its faults stand beside it."""

    def prepare_value(self, value: Any) -> str:
        """An empty form, whatever was typed."""
        return super().prepare_value({})

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether anything was typed."""
        return super().has_changed(None, data)


class ObjectField(forms.JSONField):
    """A JSON object as text, read as the API reads it."""

    widget = UnfoldAdminTextareaWidget

    def to_python(self, value: Any) -> Any:
        """The object; none is an empty one."""
        try:
            read = strictjson.parse((value or "{}").encode())
        except DomainError as error:
            raise forms.ValidationError(str(error)) from error
        if not isinstance(read, dict):
            raise forms.ValidationError("This is not a JSON object.")
        return read


class CredentialForm(ServiceForm):
    """A credential; the form of a new one's secret is drawn from its type's own schema."""

    field_names = {"secret": "new_secret"}
    type = forms.ChoiceField(choices=CredentialType.choices, widget=UnfoldAdminSelectWidget)
    new_secret = SecretField(label="secret")
    metadata = ObjectField(
        initial=dict,
        required=False,
        help_text="Whatever you want to know of it. Everybody may read it.",
    )

    class Meta:
        model = Credential
        fields = ("org", "label", "type", "metadata", "expires_at")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            # The type never changes, and a rotation gives it another secret.
            self.fields.pop("type", None)
            del self.fields["new_secret"]
            return
        first = CredentialType.HTTP_AUTH_HEADERS
        kind = self.data.get("type") or self.initial.setdefault("type", first)
        secret = cast(SecretField, self.fields["new_secret"])
        secret.draw_type(kind if kind in SHAPES else first)
        drawn = {name: jsonforms.draw(one) for name, one in secret_forms.SCHEMAS.items()}
        secret.widget.attrs |= {
            "data-schemas": json.dumps(drawn),
            "data-field": "id_new_secret",
        }


class SigningKeyForm(ServiceForm):
    """A signing key; its secret is given once, or made."""

    field_names = {"secret": "new_secret"}
    new_secret = forms.CharField(
        label="secret",
        required=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="whsec_ and base64 of 24 to 64 random bytes. Left empty, one is made.",
    )

    class Meta:
        model = SigningKey
        fields = ("org", "label")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            # A rotation gives it another one.
            del self.fields["new_secret"]
