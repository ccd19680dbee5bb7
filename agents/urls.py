from django.urls import path

from agents import rotating, server, views

urlpatterns = [
    path(
        "accounts/keys/<id:key_id>/rotate/", rotating.rotate_own_key, name="agents_rotate_own_key"
    ),
    path("mcp/<slug:slug>", server.serve),
    path("v1/orgs/<id:org_id>/tools", views.ToolsView.as_view()),
    path("v1/orgs/<id:org_id>/tools/<id:id>", views.ToolView.as_view()),
    path("v1/orgs/<id:org_id>/keys/<id:id>/tools", views.KeyToolsView.as_view()),
]
