"""How a page of the console is made: its door, its frame, and fragments that move inside it.

    @page("console/definitions.html", title="Definitions")
    def list_definitions(request: HttpRequest) -> dict[str, Any]:
        return {"definitions": ...}

A view answers with what its template gets, or with a response of its own (a redirect). What it
returns may name a `title` and `crumbs` (pairs of a text and a URL) that only it knows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

READING = ("GET", "HEAD")
Answer: TypeAlias = HttpResponseBase | Mapping[str, Any]
View: TypeAlias = Callable[..., HttpResponseBase]


def page(
    template: str, *, title: str = "", methods: tuple[str, ...] = READING
) -> Callable[[Callable[..., Answer]], View]:
    """A whole page: for who may be here at all, in the admin's frame."""

    def decorate(view: Callable[..., Answer]) -> View:
        def frame(request: HttpRequest, context: Mapping[str, Any]) -> HttpResponse:
            return show(request, template, {"title": title, **context})

        made = _behind_the_door(view, frame, methods)
        # By this the browser tests find all there are.
        made.is_page = "GET" in methods  # type: ignore[attr-defined]
        return made

    return decorate


def fragment(
    template: str, *, methods: tuple[str, ...] = READING
) -> Callable[[Callable[..., Answer]], View]:
    """A part of a page, as htmx fetches it: behind the same door, and without the frame."""

    def decorate(view: Callable[..., Answer]) -> View:
        def frame(request: HttpRequest, context: Mapping[str, Any]) -> HttpResponse:
            return render(request, template, dict(context))

        return _behind_the_door(view, frame, methods)

    return decorate


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody is asked before it happens: what will, sentence by sentence.

    Its button posts what is `posted` to where the question stands; without one there is nothing
    that could be done.
    """

    title: str
    told: Sequence[str]
    button: str = ""
    is_grave: bool = False
    instead: str = "Leave it as it is"
    posted: Mapping[str, Any] = field(default_factory=dict)


def read_text(asked: QueryDict, name: str) -> str:
    """What was typed there, without what no column holds."""
    return clean(asked.get(name, ""))


def clean(text: str) -> str:
    """A text that was typed, without what no column holds."""
    return text.replace("\0", "").strip()


def show(
    request: HttpRequest, template: str, context: Mapping[str, Any], *, status: int = 200
) -> HttpResponse:
    """A template in the admin's frame, for views that choose it themselves."""
    return render(request, template, {**admin.site.each_context(request), **context}, status=status)


def _behind_the_door(
    view: Callable[..., Answer],
    frame: Callable[[HttpRequest, Mapping[str, Any]], HttpResponse],
    methods: tuple[str, ...],
) -> View:
    @functools.wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        answered = view(request, *args, **kwargs)
        return answered if isinstance(answered, HttpResponseBase) else frame(request, answered)

    return admin.site.admin_view(require_http_methods(list(methods))(answer))
