from django.urls import path

from destinations import key_views, views

urlpatterns = [
    path("v1/orgs/<id:org_id>/destinations", views.DestinationsView.as_view()),
    path("v1/orgs/<id:org_id>/destinations/<id:id>/test", views.TrialView.as_view()),
    path("v1/orgs/<id:org_id>/credentials", views.CredentialsView.as_view()),
    path("v1/orgs/<id:org_id>/credentials/<id:id>", views.CredentialView.as_view()),
    path("v1/orgs/<id:org_id>/signing-keys", key_views.SigningKeysView.as_view()),
    path("v1/orgs/<id:org_id>/signing-keys/<id:id>", key_views.SigningKeyView.as_view()),
    path(
        "v1/orgs/<id:org_id>/signing-keys/<id:id>/rotate",
        key_views.SigningKeyRotationView.as_view(),
    ),
]
