"""The page that gives a credential another secret, and says what that means first."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.enums import ActionVariant

from config.errors import DomainError
from destinations import services
from destinations.admin.forms import SecretField
from destinations.models import Credential
from orgs.windows import find_row, is_live

# So many of its destinations are named.
NAMED = 10


class RotationForm(forms.Form):
    """Another secret of the type that the credential has."""

    new_secret = SecretField(label="New secret")

    def __init__(self, *args: Any, credential: Credential, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast(SecretField, self.fields["new_secret"]).draw_type(credential.type)


class RotatedAdmin(ModelAdmin):
    """An admin of credentials with that page."""

    @method_decorator(sensitive_post_parameters())
    @action(  # type: ignore[untyped-decorator]
        description="Rotate the secret",
        permissions=["change"],
        icon="autorenew",
        variant=ActionVariant.PRIMARY,
        url_path="rotate",
    )
    def rotate_secret(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The form, or, once a secret was typed, the credential with its next version."""
        credential = find_row(self, request, object_id)
        if not is_live(credential):
            raise Http404
        form = RotationForm(request.POST or None, credential=credential)
        if request.method == "POST" and form.is_valid() and self._replace(credential, form):
            self.log_change(request, credential, "The secret was rotated.")
            text = f"Deliveries that start from now on use version {credential.version}."
            self.message_user(request, text, messages.SUCCESS)
            return redirect("admin:destinations_credential_change", credential.pk)
        users = credential.destinations.live().order_by("label").values_list("label", flat=True)
        named = [*users[: NAMED + 1]]
        context = {
            **self.admin_site.each_context(request),
            "title": f"Rotate the secret of {credential}",
            "opts": self.opts,
            "credential": credential,
            "form": form,
            "media": self.media + form.media,
            "users": named[:NAMED],
            "more": len(named) > NAMED,
            "next_version": credential.version + 1,
        }
        return TemplateResponse(request, "admin/rotate_secret.html", context)

    def _replace(self, credential: Credential, form: RotationForm) -> bool:
        """Whether the service took it; what it refused stands in the form."""
        try:
            services.update_credential(
                credential=credential, changes={"secret": form.cleaned_data["new_secret"]}
            )
        except DomainError as error:
            form.add_error("new_secret", str(error))
            return False
        return True
