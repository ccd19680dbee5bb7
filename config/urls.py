"""Every prefix on one page."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import orjson
from django.contrib import admin
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path, register_converter
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from django.views.generic import RedirectView
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularSwaggerSplitView

from config.api import bad_request, not_found, permission_denied, server_error
from config.converters import RowId
from login.invitation_views import open_invite
from operations.health import readyz

register_converter(RowId, "id")


@functools.cache
def openapi_document() -> bytes:
    """The OpenAPI document, made once a process."""
    generator: Any = SchemaGenerator
    return orjson.dumps(generator().get_schema(request=None, public=True))


def openapi(request: HttpRequest) -> HttpResponse:
    """The OpenAPI 3.1 document."""
    return HttpResponse(openapi_document(), "application/json")


def healthz(request: HttpRequest) -> HttpResponse:
    """Whether this process serves and reaches its database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"status": "ok"})


docs = SpectacularSwaggerSplitView.as_view(url_name="openapi")


def readable(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """The view for GET and HEAD; 405 for everything else, not a page about CSRF."""
    return csrf_exempt(require_safe(view))


urlpatterns = [
    path("", RedirectView.as_view(url="/docs")),
    path("healthz", readable(healthz)),
    path("readyz", readable(readyz)),
    path("openapi.json", readable(openapi), name="openapi"),
    path("swagger/ui/json", readable(openapi)),
    path("docs", readable(docs), name="docs"),
    path("swagger/ui", RedirectView.as_view(pattern_name="docs", query_string=True)),
    path("admin", RedirectView.as_view(url="/admin/")),
    path("admin/", include("console.urls")),
    path("admin/", admin.site.urls),
    path("accounts/", include("login.urls")),
    path("invites/<str:token>", readable(open_invite), name="open_invite"),
    path("", include("orgs.urls")),
    path("", include("destinations.urls")),
    path("", include("actions.urls")),
    path("", include("dispatch.urls")),
    path("", include("agents.urls")),
    path("", include("operations.urls")),
    path("", include("gateway.urls")),
    path("", include("bundles.urls")),
]
handler400 = bad_request
handler403 = permission_denied
handler404 = not_found
handler500 = server_error
