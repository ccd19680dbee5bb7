from django.urls import path

from orgs import audit_views, views

urlpatterns = [
    path("v1/self", views.SelfView.as_view()),
    path("v1/orgs/<id:org_id>/keys", views.KeysView.as_view()),
    path("v1/orgs/<id:org_id>/keys/<id:id>", views.KeyView.as_view()),
    path("v1/orgs/<id:org_id>/settings/retention", views.RetentionView.as_view()),
    path("v1/orgs/<id:org_id>/billing", views.BillingView.as_view()),
    path("v1/orgs/<id:org_id>/audit", audit_views.AuditView.as_view()),
    path("v1/orgs/<id:org_id>/audit/export", audit_views.AuditExportView.as_view()),
    path("v1/orgs/<id:org_id>/audit/<id:id>", audit_views.AuditEntryView.as_view()),
]
