from django.urls import path

from dispatch import views

_RECORDS = "v1/orgs/<id:org_id>/actions/records"
urlpatterns = [
    path("v1/ingress", views.PlainIngressView.as_view()),
    path("v1/ingress/<str:variant>", views.VariantIngressView.as_view()),
    path("v1/batch", views.BatchView.as_view()),
    path("v1/ack", views.AckView.as_view()),
    path("v1/nack", views.NackView.as_view()),
    path("v1/modack", views.ModAckView.as_view()),
    path(_RECORDS, views.RecordsView.as_view()),
    path(f"{_RECORDS}/<id:id>", views.RecordView.as_view()),
    path(f"{_RECORDS}/<id:id>/replay", views.ReplayView.as_view()),
    path(f"{_RECORDS}/<id:id>/cancel", views.CancelView.as_view()),
    path("v1/orgs/<id:org_id>/destinations/<id:id>", views.DeletableDestinationView.as_view()),
]
