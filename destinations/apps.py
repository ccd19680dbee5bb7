from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks


class DestinationsConfig(AppConfig):
    """Where work goes."""

    name = "destinations"


@checks.register(checks.Tags.security, deploy=True)
def check_endpoints(**_: Any) -> list[checks.CheckMessage]:
    """Warns where queues or topics are not those of AWS and Google."""
    return [
        checks.Warning(
            f"WAYBILL_{name} is set: messages go there, without the checks that hold elsewhere.",
            hint="It is for tests only: unset it.",
            id="destinations.W001",
        )
        for name in ("AWS_ENDPOINT", "PUBSUB_ENDPOINT")
        if getattr(settings, name)
    ]
