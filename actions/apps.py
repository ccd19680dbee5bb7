from django.apps import AppConfig


class ActionsConfig(AppConfig):
    """What work is: definitions and their contracts."""

    name = "actions"
