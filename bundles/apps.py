from django.apps import AppConfig


class BundlesConfig(AppConfig):
    """What an organization has, as one document: written, planned, applied."""

    name = "bundles"
