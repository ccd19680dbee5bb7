from django.urls import path

from actions import consumer_views, views

_ONE = "v1/orgs/<id:org_id>/actions/definitions/<id:id>"
urlpatterns = [
    path("v1/orgs/<id:org_id>/actions/definitions", views.DefinitionsView.as_view()),
    path(_ONE, views.DefinitionView.as_view()),
    path(f"{_ONE}/examples", consumer_views.ExamplesView.as_view()),
    path(f"{_ONE}/typescript", consumer_views.TypeScriptView.as_view()),
    path(f"{_ONE}/python", consumer_views.PythonView.as_view()),
    path(f"{_ONE}/markdown", consumer_views.MarkdownView.as_view()),
    path(f"{_ONE}/destinations/<id:destination_id>", views.LinkView.as_view()),
]
