from django.apps import AppConfig


class DispatchConfig(AppConfig):
    """The work itself: accepted, claimed, delivered, settled."""

    name = "dispatch"
