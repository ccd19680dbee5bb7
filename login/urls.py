"""The pages of logging in: those of allauth that Waybill has a use for, and no others."""

from allauth.account import views as account
from allauth.socialaccount import views as social
from django.urls import include, path, re_path

from login import invitation_views, key_views, views

RESET_KEY = r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]{1,12})-(?P<key>[0-9A-Za-z-]{1,80})/$"

urlpatterns = [
    path("login/", account.login, name="account_login"),
    path("logout/", account.logout, name="account_logout"),
    path("inactive/", account.account_inactive, name="account_inactive"),
    path("signup/", views.no_signup, name="account_signup"),
    path("invite/", invitation_views.show_invite, name="login_invite"),
    path("keys/", key_views.show_keys, name="login_keys"),
    path("keys/<id:key_id>/delete/", key_views.delete_key, name="login_delete_key"),
    path("reauthenticate/", account.reauthenticate, name="account_reauthenticate"),
    path("password/change/", account.password_change, name="account_change_password"),
    path("password/set/", account.password_set, name="account_set_password"),
    path("password/reset/", views.password_reset, name="account_reset_password"),
    path("password/reset/done/", account.password_reset_done, name="account_reset_password_done"),
    path(
        "password/reset/key/done/",
        account.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    re_path(RESET_KEY, account.password_reset_from_key, name="account_reset_password_from_key"),
    path("2fa/", include("allauth.mfa.urls")),
    path("oidc/cancelled/", social.login_cancelled, name="socialaccount_login_cancelled"),
    path("oidc/<slug:provider_id>/login/", views.oidc_login, name="openid_connect_login"),
    path(
        "oidc/<slug:provider_id>/login/callback/",
        views.oidc_callback,
        name="openid_connect_callback",
    ),
]
