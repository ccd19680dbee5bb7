"""What logins leave behind: counts of attempts, and second factors."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from django.db import models


class Note(models.Model):
    """Something that all web processes know for a while (`login.notes`)."""

    key = models.CharField(primary_key=True, max_length=255)
    value = models.JSONField()
    expires_at = models.DateTimeField(null=True)

    class Meta:
        # What is over is swept in the order of its end.
        indexes = (models.Index(fields=("expires_at",), name="note_expiry"),)

    def __str__(self) -> str:
        return self.key


class SecondFactor(Authenticator):
    """A second factor as the rotation of keys sees it: a row with an encrypted `secret`."""

    # The column that `secret` is a part of.
    stored_in = "data"

    class Meta:
        proxy = True
        verbose_name = "second factor"

    @property
    def secret(self) -> str:
        """What is encrypted: the key of one-time codes, or the seed of recovery codes."""
        return str(self.data.get(self._place, ""))

    @secret.setter
    def secret(self, token: str) -> None:
        self.data[self._place] = token

    @property
    def owner(self) -> str:
        """Whose it is."""
        return f"user {self.user}"

    @property
    def _place(self) -> str:
        places: dict[Any, str] = {Authenticator.Type.TOTP: "secret"}
        return places.get(self.type, "seed")
