from django.apps import AppConfig


class LoginConfig(AppConfig):
    """How people log in: password, second factor, and providers of OpenID Connect."""

    name = "login"
    verbose_name = "Login"
