"""The API with one path more: a bare face of `dispatch.direct`."""

from __future__ import annotations

from dataclasses import asdict

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response

from config import urls
from config.api import reply
from dispatch import direct
from dispatch.direct import Order
from orgs.scope import CallerView


class ExecuteView(CallerView):
    def check_permission(self, request: Request) -> None:
        pass

    def post(self, request: Request, name: str) -> Response:
        order = Order(self.caller.org_id, name, request.data, str(self.caller))
        key = request.headers.get("Idempotency-Key")
        return reply(asdict(direct.execute(order, key=key)))


urlpatterns = [*urls.urlpatterns, path("v1/execute/<str:name>", ExecuteView.as_view())]
