from django.urls import path

from operations import usage_views, views

_BULK = "v1/orgs/<id:org_id>/actions/bulk"
urlpatterns = [
    path(_BULK, views.BulkOperationsView.as_view()),
    path(f"{_BULK}/preview", views.BulkPreviewView.as_view()),
    path(f"{_BULK}/<id:id>", views.BulkOperationView.as_view()),
    path(f"{_BULK}/<id:id>/cancel", views.BulkCancelView.as_view()),
    path("v1/orgs/<id:org_id>/usage", usage_views.UsageView.as_view()),
]
