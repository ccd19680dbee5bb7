from django.urls import path

from dispatch import definition_views, lane_views, pull_views, views

_RECORDS = "v1/orgs/<id:org_id>/actions/records"
_DEFINITIONS = "v1/orgs/<id:org_id>/actions/definitions"
_LANES = f"{_DEFINITIONS}/<id:id>/lanes"
_DESTINATION = "v1/orgs/<id:org_id>/destinations/<id:id>"
urlpatterns = [
    path("v1/ingress", views.PlainIngressView.as_view()),
    path("v1/ingress/<str:variant>", views.VariantIngressView.as_view()),
    path("v1/batch", views.BatchView.as_view()),
    path("v1/ack", views.AckView.as_view()),
    path("v1/nack", views.NackView.as_view()),
    path("v1/modack", views.ModAckView.as_view()),
    path("v1/sdk/ack", pull_views.AckBatchView.as_view()),
    # A namespace may hold slashes.
    path("v1/sdk/<path:namespace>/pull", pull_views.PullView.as_view()),
    path(_RECORDS, views.RecordsView.as_view()),
    path(f"{_RECORDS}/<id:id>", views.RecordView.as_view()),
    path(f"{_RECORDS}/<id:id>/replay", views.ReplayView.as_view()),
    path(f"{_RECORDS}/<id:id>/cancel", views.CancelView.as_view()),
    path(f"{_RECORDS}/<id:id>/approve", views.ApproveView.as_view()),
    path(f"{_RECORDS}/<id:id>/deny", views.DenyView.as_view()),
    path(f"{_DEFINITIONS}/check", definition_views.CheckView.as_view()),
    path(f"{_DEFINITIONS}/<id:id>/senders", definition_views.SendersView.as_view()),
    path(_LANES, lane_views.DefinitionLanesView.as_view()),
    path(f"{_LANES}/advice", lane_views.LaneAdviceView.as_view()),
    path(_DESTINATION, views.DeletableDestinationView.as_view()),
    path(f"{_DESTINATION}/lanes", lane_views.DestinationLanesView.as_view()),
    path(f"{_DESTINATION}/pause", lane_views.PauseView.as_view()),
    path(f"{_DESTINATION}/resume", lane_views.ResumeView.as_view()),
]
