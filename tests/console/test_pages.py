"""A page's door and frame, and how moments are told."""

from __future__ import annotations

import datetime
import re

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.template import Context, Template
from django.urls import include, path, reverse

from config import urls
from console import pages

MOMENT = datetime.datetime(2026, 3, 29, 1, 30, 5, 123456, tzinfo=datetime.UTC)


@pages.page("console/base.html", title="Nothing")
def nothing(request):
    return {"crumbs": [("Home", "/admin/")]}


@pages.fragment("console/empty.html")
def nothing_yet(request):
    return {"title": "Nothing yet", "url": "/admin/", "label": "Go home"}


@pages.page("console/base.html", methods=("POST",))
def leave(request):
    return HttpResponse("gone")


urlpatterns = [
    path("admin/nothing/", nothing),
    path("admin/nothing-yet/", nothing_yet),
    path("admin/leave/", leave),
    path("", include(urls)),
]
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


def test_a_page_stands_in_the_admins_frame_below_where_it_belongs(admin_client):
    page = admin_client.get("/admin/nothing/").content.decode()

    assert "<title> Nothing | Waybill</title>" in page
    assert 'aria-label="Above this page"' in page
    assert "console/console.css" in page
    assert "console/console.js" in page


def test_a_fragment_has_no_frame(admin_client):
    fragment = admin_client.get("/admin/nothing-yet/").content.decode()

    assert fragment.startswith('<div class="wb-empty">')
    assert '<a class="wb-button wb-button-primary" href="/admin/">Go home</a>' in fragment


def test_a_view_may_answer_for_itself(admin_client):
    assert admin_client.post("/admin/leave/").content == b"gone"


@pytest.mark.parametrize("method", ["get", "put"])
def test_a_page_answers_only_the_methods_it_names(admin_client, method):
    assert getattr(admin_client, method)("/admin/leave/").status_code == 405


@pytest.mark.parametrize("name", ["nothing", "nothing-yet"])
def test_nobody_comes_in_without_a_login(client, name):
    url = f"/admin/{name}/"

    assert client.get(url).url == f"{reverse('admin:login')}?next={url}"


def test_a_moment_is_told_in_utc_until_a_script_knows_the_zone():
    told = Template("{% load console %}{% time at 'ago' %}").render(Context({"at": MOMENT}))

    assert told == (
        '<time class="wb-time" datetime="2026-03-29T01:30:05.123456Z" '
        'title="2026-03-29 01:30:05.123 UTC" data-time="ago">2026-03-29 01:30:05 UTC</time>'
    )


def test_what_has_not_happened_has_no_moment():
    assert Template("{% load console %}{% time at %}").render(Context({"at": None})) == "-"


@pytest.mark.parametrize("name", ["console.css", "unfold.css"])
def test_the_styles_are_whole(name):
    text = (settings.BASE_DIR / "console/static/console" / name).read_text()

    assert text.count("{") == text.count("}")
    assert not re.search(r"^(<<<<<<<|=======|>>>>>>>)", text, re.MULTILINE)
