from django.apps import AppConfig


class OrgsConfig(AppConfig):
    """Who is asking: organizations, people and their keys."""

    name = "orgs"
    verbose_name = "Organizations"
