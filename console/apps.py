from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """The operator console: the pages of the admin that are more than a table's."""

    name = "console"
    verbose_name = "Console"
