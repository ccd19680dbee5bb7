from django.apps import AppConfig


class AgentsConfig(AppConfig):
    """The face that agents see: definitions as tools of an MCP server."""

    name = "agents"
