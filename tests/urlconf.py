"""Every address there is, from the URLconf."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import URLPattern, URLResolver, get_resolver


def walk(resolver: URLResolver | None = None, path: str = "/") -> Iterator[tuple[str, URLPattern]]:
    """The patterns, each with those before it as one path: `/v1/orgs/<id:org_id>`."""
    for entry in (resolver or get_resolver()).url_patterns:
        here = path + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from walk(entry, here)
        else:
            yield here, entry
