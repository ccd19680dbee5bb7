from django.apps import AppConfig


class OperationsConfig(AppConfig):
    """What is done to many actions at once, and the chores that keep the house."""

    name = "operations"
