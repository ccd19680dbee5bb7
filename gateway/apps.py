from django.apps import AppConfig


class GatewayConfig(AppConfig):
    """The registry with the face of the published gateway API."""

    name = "gateway"
