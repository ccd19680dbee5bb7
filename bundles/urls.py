from django.urls import path

from bundles.revisions import views

_ALL = "v1/orgs/<id:org_id>/config/revisions"
urlpatterns = [
    path(_ALL, views.RevisionsView.as_view()),
    path(f"{_ALL}/<id:id>", views.RevisionView.as_view()),
    path(f"{_ALL}/<id:id>/apply", views.ApplyView.as_view()),
    path(f"{_ALL}/<id:id>/drift", views.DriftView.as_view()),
]
