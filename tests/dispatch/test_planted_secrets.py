"""Secrets of every type are planted and used for real; then everything that can be read is."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import signal
from collections.abc import Iterator

import pytest
from aiohttp import web
from django.contrib import admin
from django.db import connection
from django.urls import reverse

from actions.models import ActionDefinition
from destinations.models import Credential, CredentialType, Destination
from dispatch.engine import deliveries
from dispatch.models import ActionEvent, ActionRecord
from orgs.models import AuditEntry, SigningKey
from orgs.services import SIGNING_PREFIX, make_signing_secret
from tests import factories
from tests.destinations.pem import make_pair
from tests.dispatch.background import wait_until
from tests.end_to_end.clients import Api
from tests.end_to_end.conftest import is_healthy
from tests.end_to_end.processes import find_free_port
from tests.routes import ROUTES

pytestmark = pytest.mark.django_db(transaction=True)
WAYS = ("ok", "echo/200", "echo/401", "echo/429", "echo/503", "echo/422", "cut")
DELIVERED_WITH = (
    CredentialType.HTTP_AUTH_HEADERS,
    CredentialType.HTTP_BASIC,
    CredentialType.HTTP_BEARER,
    CredentialType.OAUTH2_CLIENT_CREDENTIALS,
)


class Planted:
    """What was planted so far, and whether a text has it."""

    def __init__(self) -> None:
        self.words: set[str] = set()

    def word(self) -> str:
        """Another one."""
        word = f"pl4nted{secrets.token_hex(16)}"
        self.words.add(word)
        return word

    def key(self) -> str:
        """A signing key."""
        key = make_signing_secret()
        self.words.add(key.removeprefix(SIGNING_PREFIX))
        return key

    def secret(self, kind: str, token_url: str) -> dict:
        """A whole secret of a type."""
        pair = make_pair()
        # The first line of the key itself.
        self.words.add(pair["private_key"].splitlines()[1])
        match kind:
            case CredentialType.HTTP_AUTH_HEADERS:
                return {"X-Api-Key": self.word(), "Authorization": f"Bearer {self.word()}"}
            case CredentialType.HTTP_BASIC:
                password = self.word()
                pair_ = base64.b64encode(f"waybill:{password}".encode()).decode()
                self.words.add(pair_)
                return {"username": "waybill", "password": password, "tls": pair}
            case CredentialType.HTTP_BEARER:
                return {"token": self.word(), "tls": pair}
            case CredentialType.OAUTH2_CLIENT_CREDENTIALS:
                return {
                    "token_url": token_url,
                    "client_id": "waybill",
                    "client_secret": self.word(),
                }
            case CredentialType.AWS_ACCESS_KEY:
                return {
                    "access_key_id": "AKIAEXAMPLE",
                    "secret_access_key": self.word(),
                    "session_token": self.word(),
                }
        return {
            "type": "service_account",
            "client_email": "waybill@example.com",
            "private_key": f"-----BEGIN PRIVATE KEY-----\n{self.word()}\n",
        }

    def found_in(self, text: str) -> list[str]:
        """Those of them that stand in a text."""
        return [word for word in self.words if word in text]


class Echo:
    """A receiver that sends back all it was sent: the worst that a destination can do."""

    def __init__(self, planted: Planted) -> None:
        self.planted = planted
        self.headers: list[str] = []

    async def start(self) -> None:
        self.over = asyncio.Event()
        app = web.Application()
        app.router.add_post("/ok", self.succeed)
        app.router.add_post("/echo/{status}", self.echo)
        app.router.add_post("/cut", self.cut)
        app.router.add_post("/hang", self.hang)
        app.router.add_post("/token", self.give_token)
        self.runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}"

    async def stop(self) -> None:
        self.over.set()
        await self.runner.cleanup()

    def said(self, request: web.Request) -> str:
        shown = json.dumps(dict(request.headers))
        self.headers.append(shown)
        return shown

    async def succeed(self, request: web.Request) -> web.Response:
        return web.Response(text=self.said(request), headers={"x-arklow-signaling": "ack"})

    async def echo(self, request: web.Request) -> web.Response:
        said = self.said(request)
        headers = {"retry-after": "3600", "x-echo": said}
        return web.Response(status=int(request.match_info["status"]), text=said, headers=headers)

    async def cut(self, request: web.Request) -> web.Response:
        self.said(request)
        request.transport.abort()
        return web.Response()

    async def hang(self, request: web.Request) -> web.Response:
        self.said(request)
        await self.over.wait()
        return web.Response()

    async def give_token(self, request: web.Request) -> web.Response:
        token = {"access_token": self.planted.word(), "token_type": "Bearer", "expires_in": 3600}
        return web.json_response(token)


@pytest.fixture
def planted():
    return Planted()


@pytest.fixture
def echo(background, planted):
    receiver = Echo(planted)
    background.run(receiver.start())
    yield receiver
    background.run(receiver.stop())


@pytest.fixture
def start_quietly(start_command, monkeypatch, transactional_db):
    """Start a command that writes everything down; all of them end well, with their children."""
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    started = []

    def start(name, *arguments):
        started.append(start_command(name, *arguments))
        return started[-1]

    yield start
    end(*started)


def end(*processes) -> None:
    for process in processes:
        process.send_signal(signal.SIGTERM)
    for process in processes:
        process.wait(30)


def plant(api: Api, planted: Planted, echo: Echo) -> None:
    """A credential of each type that has had another secret, and one that was refused."""
    for kind in CredentialType.values:
        url = f"{echo.url}/token"
        body = {"type": kind, "label": kind, "secret": planted.secret(kind, url)}
        made = api.data("PUT", "~/credentials", body)
        api.data("POST", f"~/credentials/{made['id']}", {"secret": planted.secret(kind, url)})
        for wrong in (planted.word(), [planted.word()], {"X A": planted.word()}):
            status, _, errors = api.call("PUT", "~/credentials", body | {"secret": wrong})
            assert status in (400, 422)
            assert not planted.found_in(str(errors))
    for label in ("webhooks", "renewed"):
        api.data("PUT", "~/signing-keys", {"label": label, "secret": planted.key()})
    key = SigningKey.objects.get(label="renewed").pk
    api.data("POST", f"~/signing-keys/{key}/rotate", {"secret": planted.key()})
    assert api.call("PUT", "~/signing-keys", {"label": "x", "secret": planted.word()})[0] == 422


def link(api: Api, echo: Echo, way: str) -> list[str]:
    """The variants whose actions go out this way, one for each type of credential and without."""
    key = str(SigningKey.objects.get(label="renewed").pk)
    variants = []
    for kind in DELIVERED_WITH:
        variant = f"{kind}.{way.replace('/', '.')}"
        body = {
            "label": variant,
            "type": "webhook",
            "config": {"url": f"{echo.url}/{way}"},
            "credential_id": str(Credential.objects.get(label=kind).pk),
            "signing_key_id": key,
        }
        api.link(variant, True, api.data("PUT", "~/destinations", body))
        variants.append(variant)
    return variants


def submit(api: Api, variants: list[str]) -> list[str]:
    return [api.submit(variant, {"n": 1})[0] for variant in variants]


def are_tried(ids: list[str]) -> bool:
    tried = ActionRecord.objects.filter(pk__in=ids).exclude(status__in=["queued", "running"])
    return tried.count() == len(ids)


def everything_readable(org, api, admin_client) -> Iterator[tuple[str, str]]:
    """(where, what) of every GET route for every row, every admin page, and every column."""
    factories.make_invite(org, "guest@example.com")
    definition = ActionDefinition.objects.of_org(org.pk).earliest("id")
    rows = {
        "orgs": [org.pk],
        "members": org.memberships.values_list("user_id", flat=True),
        "invites": ["guest@example.com"],
        "tools": [factories.make_tool(org, definition.variant).pk],
        "keys": org.keys.values_list("pk", flat=True),
        "credentials": Credential.objects.values_list("pk", flat=True),
        "signing-keys": SigningKey.objects.values_list("pk", flat=True),
        "destinations": Destination.objects.values_list("pk", flat=True),
        "definitions": ActionDefinition.objects.values_list("pk", flat=True),
        "records": ActionRecord.objects.values_list("pk", flat=True),
        "bulk": [factories.make_bulk(org).pk],
        "revisions": [factories.make_revision(org).pk],
        # Their export, which is among the routes, has all of them.
        "audit": AuditEntry.objects.of_org(org.pk).values_list("pk", flat=True)[:20],
        "ingress": ["x"],
    }
    for route in (route for route in ROUTES if route.method == "GET"):
        (word,) = [w for w in rows if f"/{w}/{{" in route.path and w != "orgs"] or ["orgs"]
        for row in rows[word]:
            path = route.fill({name: ids[0] for name, ids in rows.items()} | {word: row})
            answer = api.get(path)
            assert answer.status_code == 200, path
            yield path, answer.getvalue().decode()
    yield "the document", admin_client.get("/openapi.json").content.decode()
    yield from every_admin_page(admin_client)
    yield from every_column()


def every_admin_page(admin_client) -> Iterator[tuple[str, str]]:
    yield "the first page", admin_client.get(reverse("admin:index")).content.decode()
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        urls = [reverse(f"{name}_changelist"), reverse(f"{name}_add")]
        most = 20 if model is AuditEntry else None
        rows = list(model._default_manager.values_list("pk", flat=True)[:most])
        urls += [reverse(f"{name}_change", args=[pk]) for pk in rows]
        # These say the same of every row, but for its name.
        urls += [reverse(f"{name}_{page}", args=rows[:1]) for page in ("history", "delete") if rows]
        for url in urls:
            page = admin_client.get(url)
            assert page.status_code in (200, 302, 403), url
            yield url, page.content.decode()


def every_column() -> Iterator[tuple[str, str]]:
    """Everything there is in the database, as a dump would have it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT format('%I', relname) FROM pg_class "
            "WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT coalesce(string_agg(t::text, E'\\n'), '') FROM {table} t")
            yield f"table {table}", cursor.fetchone()[0]


def test_no_secret_is_to_be_read_anywhere(
    acme, api, admin_client, background, start_dispatcher, start_quietly, echo, planted,
    monkeypatch, tmp_path, caplog,
):  # fmt: skip
    port = find_free_port()
    start_quietly("web", f"--port={port}", "--workers=1")
    start_quietly("worker")
    dispatcher = start_quietly("dispatch")
    wait_until(lambda: is_healthy(port), seconds=60)
    http = Api(port, str(acme.pk), api.headers["x-arklow-auth"])
    plant(http, planted, echo)
    ids = submit(http, [variant for way in WAYS for variant in link(http, echo, way)])
    wait_until(lambda: are_tried(ids), seconds=60)

    # What is not answered in time is tried here, where an attempt may be short.
    end(dispatcher)
    caplog.set_level("DEBUG")
    monkeypatch.setattr(deliveries, "ATTEMPT_SECONDS", 1.0)
    ids += submit(http, link(http, echo, "hang"))
    start_dispatcher()
    wait_until(lambda: are_tried(ids), seconds=60)

    # It was all used: sent, and sent back.
    statuses = set(ActionRecord.objects.values_list("status", flat=True))
    assert statuses == {"succeeded", "ack_wait", "scheduled", "failed"}
    assert len(echo.headers) >= len(ids)
    assert "webhook-signature" in echo.headers[0].lower()
    verdicts = ActionEvent.objects.values_list("detail__verdict", flat=True)
    assert {"ack", "refused", "rate_limited", "unavailable", "permanent", "ambiguous"} <= set(
        verdicts
    )
    logs = [(path.name, path.read_text()) for path in tmp_path.glob("*.log")]
    assert {name for name, _ in logs} == {"web.log", "worker.log", "dispatch.log"}
    for where, text in [
        *logs,
        ("the log of this process", caplog.text),
        *everything_readable(acme, api, admin_client),
    ]:
        assert not planted.found_in(text), where


def test_the_search_would_find_one(acme, planted):
    """Where one does lie in plain text, it is found: this one in a label."""
    factories.make_credential(acme, label=planted.word())

    found = [where for where, text in every_column() if planted.found_in(text)]
    assert sorted(found) == ["table destinations_credential", "table orgs_auditentry"]
