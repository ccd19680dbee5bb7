from django.urls import path

from orgs import audit_views, people_views, views

_MEMBERS = "v1/orgs/<id:org_id>/members"
urlpatterns = [
    path("v1/self", views.SelfView.as_view()),
    path("v1/self/invites", people_views.OwnInvitesView.as_view()),
    path("v1/self/invites/<id:invite_id>/accept", people_views.AcceptInviteView.as_view()),
    path("v1/orgs", views.OrgsView.as_view()),
    path("v1/orgs/<id:org_id>", views.OneOrgView.as_view()),
    path("v1/orgs/<id:org_id>/keys", views.KeysView.as_view()),
    path("v1/orgs/<id:org_id>/keys/<id:id>", views.KeyView.as_view()),
    path(_MEMBERS, people_views.MembersView.as_view()),
    path(f"{_MEMBERS}/self", people_views.OwnMembershipView.as_view()),
    path(f"{_MEMBERS}/<id:user_id>", people_views.MemberView.as_view()),
    path(f"{_MEMBERS}/invites", people_views.InvitesView.as_view()),
    path(f"{_MEMBERS}/invites/<str:identifier>", people_views.InviteView.as_view()),
    path("v1/orgs/<id:org_id>/settings/domain", people_views.DomainView.as_view()),
    path("v1/orgs/<id:org_id>/settings/retention", views.RetentionView.as_view()),
    path("v1/orgs/<id:org_id>/billing", views.BillingView.as_view()),
    path("v1/orgs/<id:org_id>/audit", audit_views.AuditView.as_view()),
    path("v1/orgs/<id:org_id>/audit/export", audit_views.AuditExportView.as_view()),
    path("v1/orgs/<id:org_id>/audit/<id:id>", audit_views.AuditEntryView.as_view()),
]
