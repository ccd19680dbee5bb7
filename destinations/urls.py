from django.urls import path

from destinations import views

urlpatterns = [
    path("v1/orgs/<id:org_id>/destinations", views.DestinationsView.as_view()),
]
