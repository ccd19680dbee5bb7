"""Secrets that one answer shows and no other: no message, no cookie and no cache has them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse

from orgs.reach import Narrowed

# The question goes, with its button, where else only its form would.
INSTEAD_OF_DIALOG = {
    "HX-Retarget": "#dialog",
    "HX-Reselect": "#dialog",
    "HX-Reswap": "outerHTML",
}


@dataclass(frozen=True)
class Secret:
    """What is shown, what it is, and what it is good for."""

    material: str = field(repr=False)
    title: str
    note: str


class ShowsOnce(Narrowed):
    """An admin whose rows have secrets, each shown by the answer to what has made it, alone."""

    def keep_secret(self, request: HttpRequest, secret: Secret) -> None:
        """Have the answer to this request show it."""
        request.secret = secret  # type: ignore[attr-defined]

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The page with the secret of a new row, where it has one to be shown."""
        secret: Secret | None = getattr(request, "secret", None)
        if secret is None:
            answer: HttpResponse = super().response_add(request, obj, post_url_continue)
            return answer
        return self.answer_page(request, secret, obj)

    def answer_page(self, request: HttpRequest, secret: Secret, obj: Any) -> HttpResponse:
        """A page that shows it, and nothing else."""
        context = {
            **self.admin_site.each_context(request),
            "title": secret.title,
            "opts": self.opts,
            "object": obj,
        }
        return self._answer(request, "admin/secret.html", secret, obj, context)

    def answer_dialog(self, request: HttpRequest, secret: Secret, obj: Any) -> HttpResponse:
        """What takes a dialog's place, once its button has made the secret."""
        answer = self._answer(request, "admin/secret_dialog.html", secret, obj, {})
        for name, value in INSTEAD_OF_DIALOG.items():
            answer.headers[name] = value
        return answer

    def _answer(
        self, request: HttpRequest, template: str, secret: Secret, obj: Any, context: dict[str, Any]
    ) -> HttpResponse:
        page = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
        shown = context | {"secret": secret, "row_url": reverse(page, args=[obj.pk])}
        text = render_to_string(template, shown, request)
        return HttpResponse(text, headers={"Cache-Control": "no-store"})
