from django.urls import path, re_path

from gateway import views

_GATEWAY = "api/v1/gateway"
urlpatterns = [
    path(f"{_GATEWAY}/token/exchange", views.ExchangeView.as_view()),
    path(f"{_GATEWAY}/actions", views.ActionsView.as_view()),
    path(f"{_GATEWAY}/actions/<str:name>", views.ActionView.as_view()),
    path(f"{_GATEWAY}/actions/<str:name>/execute", views.ExecuteView.as_view()),
    re_path(rf"^{_GATEWAY}(?:/.*)?$", views.UnknownView.as_view()),
]
