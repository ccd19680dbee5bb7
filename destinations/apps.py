from django.apps import AppConfig


class DestinationsConfig(AppConfig):
    """Where work goes."""

    name = "destinations"
