"""One-time codes that are good for one time, and what a newcomer tells."""

from __future__ import annotations

from typing import Any

from allauth.account.fields import PasswordField, SetPasswordField
from allauth.account.forms import PasswordVerificationMixin
from allauth.core.internal.cryptokit import normalize_user_code
from allauth.mfa import app_settings
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.totp.forms import ActivateTOTPForm
from django import forms
from django.core.cache import cache
from django.db.models import QuerySet

from orgs.models import Membership, User


class UsedOnce:
    """A form whose `code` is refused the second time.

    allauth remembers a used code for one period only, and one that enrols not at all; with a
    step of tolerance to both sides a code would live longer than that.
    """

    user: Any

    def clean_code(self) -> str:
        """The code, which nobody has used."""
        code: str = super().clean_code()  # type: ignore[misc]
        steps = 2 * app_settings.TOTP_TOLERANCE + 1
        key = f"login.code:{self.user.pk}:{normalize_user_code(code)}"
        if not cache.add(key, "used", timeout=steps * app_settings.TOTP_PERIOD):
            raise get_adapter().validation_error("incorrect_code")
        return code


class LoginCodeForm(UsedOnce, AuthenticateForm):
    """The code after the password."""


class ConfirmCodeForm(UsedOnce, ReauthenticateForm):
    """The code before something that matters."""


class EnrolForm(UsedOnce, ActivateTOTPForm):
    """The first code of a new second factor."""


class NewcomerForm(PasswordVerificationMixin, forms.Form):
    """What somebody tells who has been invited and has no login yet."""

    name = forms.CharField(max_length=255, widget=forms.TextInput({"autocomplete": "name"}))
    password1 = SetPasswordField(label="Password")
    password2 = PasswordField(label="Password (again)", autocomplete="new-password")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Whom the password must not be like.
        password: Any = self.fields["password1"]
        password.user = user


class MembershipField(forms.ModelChoiceField):
    """One of somebody's organizations."""

    def label_from_instance(self, obj: Membership) -> str:
        """The organization's name."""
        return obj.org.name


class KeyForm(forms.Form):
    """A new key of one's own; it may what its member may."""

    member = MembershipField(queryset=None, label="Organization", empty_label=None)
    description = forms.CharField(
        min_length=2, max_length=50, help_text="What it is for: that is how you find it again."
    )

    def __init__(self, *args: Any, members: QuerySet[Membership], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        member: Any = self.fields["member"]
        member.queryset = members
