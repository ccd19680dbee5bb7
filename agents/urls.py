from django.urls import path

from agents import server, views

urlpatterns = [
    path("mcp/<slug:slug>", server.serve),
    path("v1/orgs/<id:org_id>/tools", views.ToolsView.as_view()),
    path("v1/orgs/<id:org_id>/tools/<id:id>", views.ToolView.as_view()),
    path("v1/orgs/<id:org_id>/keys/<id:id>/tools", views.KeyToolsView.as_view()),
]
