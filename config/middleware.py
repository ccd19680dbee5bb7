"""What is the same for every response."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

from config.api import refuse_outside
from config.errors import DomainError
from runtime import bodies

Handler = Callable[[HttpRequest], HttpResponse]
STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
# Unfold's Alpine.js evaluates expressions; nothing else needs that.
ADMIN = STRICT.replace("script-src 'self'", "script-src 'self' 'unsafe-eval'")

# The slash at the end is a matter of the packages that serve these.
OTHERS_RULES = ("/admin/", "/accounts/", "/static/")


class ContentSecurityPolicy:
    """Sends a Content-Security-Policy (W3C CSP level 3): strict, and looser only in the admin."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        policy = ADMIN if request.path_info.startswith("/admin/") else STRICT
        response.headers.setdefault("Content-Security-Policy", policy)
        return response


class OptionalTrailingSlash:
    """Lets every API path answer with and without a trailing slash, without a redirect."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        path = request.path_info
        if path.endswith("/") and not path.startswith(OTHERS_RULES):
            request.path_info = path.removesuffix("/") or "/"
        return self.get_response(request)


class WholeForms:
    """Refuses a form that did not come whole, before Django looks for its CSRF token in it."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], *args: Any
    ) -> HttpResponse | None:
        """The refusal. Views without the token read no forms, and check for themselves."""
        if getattr(view, "csrf_exempt", False):
            return None
        try:
            bodies.check(request.META)
        except DomainError as error:
            return refuse_outside(error.status, error.faults, retry_after=error.retry_after)
        return None
