"""What all templates of the console say the same way."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()
NEVER = "-"


@register.simple_tag
def time(value: datetime.datetime | None, form: str = "") -> SafeString | str:
    """A moment in the viewer's zone, and exactly, in UTC, on hover.

    Without scripts it stands in UTC. As `"ago"` it is told by how long ago it was, as `"clock"` by
    the hour and minute alone.
    """
    if value is None:
        return NEVER
    moment = value.astimezone(datetime.UTC)
    return format_html(
        '<time class="wb-time" datetime="{}" title="{} UTC" data-time="{}">{} UTC</time>',
        moment.isoformat().replace("+00:00", "Z"),
        moment.isoformat(" ", "milliseconds").removesuffix("+00:00"),
        form,
        f"{moment:%H:%M}" if form == "clock" else f"{moment:%Y-%m-%d %H:%M:%S}",
    )


@register.filter
def pairs(tags: Mapping[str, str] | None) -> Iterable[tuple[str, str]]:
    """Tags one by one: where a template asks for `tags.items`, a tag of that name answers."""
    return (tags or {}).items()
