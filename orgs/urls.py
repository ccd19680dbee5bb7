from django.urls import path

from orgs import views

urlpatterns = [
    path("v1/self", views.SelfView.as_view()),
    path("v1/orgs/<id:org_id>/keys", views.KeysView.as_view()),
    path("v1/orgs/<id:org_id>/keys/<id:id>", views.KeyView.as_view()),
    path("v1/orgs/<id:org_id>/settings/retention", views.RetentionView.as_view()),
]
