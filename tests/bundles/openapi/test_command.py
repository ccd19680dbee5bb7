"""`manage.py import_openapi`: from a file or a URL to definitions and a destination."""

from __future__ import annotations

import gzip
import io
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import aiohttp
import orjson
import pytest
from django.core.management import CommandError, call_command

from actions.models import ActionDefinition
from bundles.management.commands import import_openapi
from bundles.openapi import downloading
from bundles.reading.faults import MAX_BYTES
from config.commands import Exit
from destinations.models import Destination
from tests import factories

PETS = """\
openapi: 3.0.3
info:
  title: Pets
servers:
- url: https://pets.example/v1
paths:
  /pets/{petId}:
    get:
      operationId: getPet
      tags: [pets]
      parameters:
      - name: petId
        in: path
        required: true
        schema: {type: string}
      responses:
        200: {description: One.}
  /photos:
    post:
      requestBody:
        content: {image/png: {}}
"""


@pytest.fixture
def pets(tmp_path):
    path = tmp_path / "pets.yaml"
    path.write_text(PETS)
    return str(path)


def run(*arguments):
    """(exit code, standard output, what it ended with)."""
    out = io.StringIO()
    try:
        call_command("import_openapi", *arguments, stdout=out, stderr=io.StringIO())
    except CommandError as error:
        return error.returncode, out.getvalue(), str(error)
    except SystemExit as ended:
        return ended.code, out.getvalue(), ""
    return Exit.DONE, out.getvalue(), ""


def test_operations_become_definitions_that_go_to_the_server(acme, pets):
    code, out, _ = run(pets, "--org", acme.slug)
    assert code == Exit.DONE
    assert out.splitlines() == [
        "destinations",
        "  + Pets",
        "actions",
        "  + getPet v1",
        "! POST /photos: Its body is image/png: a payload is JSON, a form or text.",
        "Done: 2 created, 0 updated, 0 kept, 0 pruned, 1 left out.",
    ]
    definition = ActionDefinition.objects.get()
    assert definition.description == "GET /pets/{petId}"
    assert definition.read_schema()["required"] == ["petId"]
    link = definition.links.get()
    assert (link.is_default, link.destination.config) == (True, {"url": "https://pets.example/v1"})


def test_repeated_it_keeps_everything(acme, pets):
    run(pets, "--org", acme.slug)
    code, out, _ = run(pets, "--org", acme.slug)
    assert code == Exit.DONE
    assert out.endswith("Done: 0 created, 0 updated, 2 kept, 0 pruned, 1 left out.\n")


def test_what_is_deprecated_is_so_since_the_first_import(acme, tmp_path):
    path = tmp_path / "old.yaml"
    path.write_text(PETS.replace("      tags:", "      deprecated: true\n      tags:"))
    run(str(path), "--org", acme.slug)
    since = ActionDefinition.objects.get().deprecated_at
    assert since is not None
    _, out, _ = run(str(path), "--org", acme.slug)
    assert out.endswith("Done: 0 created, 0 updated, 2 kept, 0 pruned, 1 left out.\n")
    assert ActionDefinition.objects.get().deprecated_at == since


def test_a_contract_that_has_changed_is_a_new_version(acme, pets, tmp_path):
    run(pets, "--org", acme.slug)
    newer = tmp_path / "newer.yaml"
    newer.write_text(PETS.replace("type: string", "type: integer"))
    assert run(str(newer), "--org", acme.slug)[0] == Exit.DONE
    newest = ActionDefinition.objects.get(version=2)
    assert newest.read_schema()["properties"]["petId"]["type"] == "integer"
    assert newest.links.get().destination == Destination.objects.get()


def test_a_dry_run_tells_and_changes_nothing(acme, pets):
    code, out, _ = run(pets, "--org", acme.slug, "--dry-run", "--json")
    assert code == Exit.CHANGES
    told = orjson.loads(out)
    assert (told["created"], told["applied"]) == (2, False)
    assert told["left_out"] == [
        {
            "what": "POST /photos",
            "reason": "Its body is image/png: a payload is JSON, a form or text.",
            "pointer": "/paths/~1photos/post/requestBody/content",
        }
    ]
    assert not ActionDefinition.objects.exists()


def test_options_reach_the_conversion(acme, pets):
    factories.make_destination(acme, label="adapter")
    options = ["--prefix", "p.", "--tag", "pets", "--exclude-tag", "a", "--path", "/pets/*"]
    run(pets, "--org", acme.slug, *options, "--exclude-path", "/b", "--destination", "adapter")
    definition = ActionDefinition.objects.get()
    assert definition.variant == "p.getPet"
    assert definition.links.get().destination.label == "adapter"


def test_server_and_label(acme, pets):
    run(pets, "--org", acme.slug, "--server", "https://b.example", "--label", "mine")
    assert list(Destination.objects.values_list("label", "config__url")) == [
        ("mine", "https://b.example")
    ]


def test_links_may_be_left_out(acme, pets):
    run(pets, "--org", acme.slug, "--no-destination")
    assert not Destination.objects.exists()


def test_a_document_at_fault_names_file_and_line(acme, tmp_path):
    path = tmp_path / "old.yaml"
    path.write_text("info: {}\nswagger: '2.0'\n")
    code, _, said = run(str(path), "--org", acme.slug)
    assert code == Exit.REFUSED
    assert said == (
        f"{path}:2: /swagger: This is Swagger 2.0: convert it to OpenAPI 3 first. [INVALID_OPENAPI]"
    )


def test_what_the_registry_refuses_names_the_operation(acme, pets):
    factories.make_definition(acme, "other", alias=["getPet"])
    code, _, said = run(pets, "--org", acme.slug)
    assert code == Exit.REFUSED
    assert said.startswith(f"{pets}:8: /actions/0/variant: ")


def test_a_server_that_may_not_be_called_names_its_line(acme, tmp_path):
    path = tmp_path / "inner.yaml"
    path.write_text(PETS.replace("https://pets.example/v1", "http://10.0.0.1/"))
    code, _, said = run(str(path), "--org", acme.slug)
    assert code == Exit.REFUSED
    assert said.startswith(f"{path}:5: /servers/0/url: http://10.0.0.1/: 10.0.0.1 is not a public")


def test_a_file_that_is_not_there(acme):
    code, _, said = run("/no/such.yaml", "--org", acme.slug)
    assert code == Exit.UNABLE
    assert said == "/no/such.yaml cannot be read: No such file or directory."


def test_help_teaches():
    taught = import_openapi.Command().create_parser("manage.py", "import_openapi").format_help()
    assert "manage.py import_openapi https://api.example.com/openapi.json --org acme" in taught
    assert "exit codes:" in taught


# --- from a URL -----------------------------------------------------------------------------------


@pytest.fixture
def serve(settings):
    """The URL of a server that answers with this status, these headers and this body."""
    settings.ALLOW_PRIVATE_NETWORKS = True
    servers = []

    def start(body=b"", status=200, **headers):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                """Nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/docs/openapi.yaml"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_document_is_fetched_and_its_server_seen_from_there(acme, serve):
    url = serve(PETS.replace("https://pets.example/v1", "../v2").encode())
    assert run(url, "--org", acme.slug)[0] == Exit.DONE
    target = Destination.objects.get().config["url"]
    assert target == url.replace("/docs/openapi.yaml", "/v2")


def test_what_was_fetched_and_is_at_fault_names_the_url(acme, serve):
    url = serve(b"openapi: 1\n")
    code, _, said = run(url + "#top", "--org", acme.slug)
    assert code == Exit.REFUSED
    assert said.startswith(f"{url}:1: /openapi: This is OpenAPI 1;")


def test_an_address_that_may_not_be_called_is_not(acme):
    code, _, said = run("http://127.0.0.1:9999/openapi.json", "--org", acme.slug)
    assert code == Exit.REFUSED
    assert said == "127.0.0.1 is not a public address. [ADDRESS_REFUSED]"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status": 404}, "answered with status 404."),
        (
            {"status": 302, "Location": "https://e.example/a"},
            "redirects to https://e.example/a, which is not followed: name that.",
        ),
    ],
)
def test_another_answer_is_told(acme, serve, answer, said):
    url = serve(**answer)
    assert run(url, "--org", acme.slug)[::2] == (Exit.UNABLE, f"{url} {said}")


def test_a_server_that_is_not_there_is_told(acme, settings):
    settings.ALLOW_PRIVATE_NETWORKS = True
    code, _, said = run("http://127.0.0.1:9999/a.json", "--org", acme.slug)
    assert code == Exit.UNABLE
    assert said.startswith("http://127.0.0.1:9999/a.json: Cannot connect to host 127.0.0.1:9999 ")


def test_an_answer_that_does_not_end_is_given_up(serve):
    url = serve(b"openapi", **{"Content-Length": "9"})
    with pytest.raises(CommandError) as ended:
        downloading.download(url, seconds=0.5)
    assert ended.value.returncode == Exit.UNABLE


def test_a_large_answer_is_refused_like_a_large_file(acme, serve):
    url = serve(b"#" * (MAX_BYTES + 100_000))
    code, _, said = run(url, "--org", acme.slug)
    assert code == Exit.REFUSED
    assert said.startswith(f"{url}: this is too large to be read at a time: ")


def test_of_a_large_answer_one_byte_more_is_read_than_is_parsed(serve, monkeypatch):
    monkeypatch.setattr(downloading, "MAX_BYTES", 100_000)
    assert len(downloading.download(serve(b"#" * 200_000))) == 100_001


def pack(data):
    return {"body": gzip.compress(data, mtime=0), "Content-Encoding": "gzip"}


@pytest.mark.parametrize(
    "answer",
    [
        pack(PETS.encode()),
        # As a file that is packed, and said to be; and one of which it is only said.
        {"body": gzip.compress(PETS.encode()), "Content-Type": "application/gzip"},
        {"body": PETS.encode(), "Content-Encoding": "gzip"},
        {"body": PETS.encode(), "Content-Encoding": "identity", "Content-Type": "text/html"},
    ],
)
def test_what_comes_packed_by_gzip_is_unpacked(serve, answer):
    assert downloading.download(serve(**answer)) == PETS.encode()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            {"body": b"\x8b\x03", "Content-Encoding": "br"},
            "answered in the coding br: only gzip is unpacked.",
        ),
        (pack(PETS.encode()) | {"body": pack(PETS.encode())["body"][:60]}, "has packed."),
        ({"body": b"\x1f\x8bno"}, "answered with what gzip cannot unpack: Error -3"),
        (
            {"body": b"\n<!DOCTYPE html><title>Log in", "Content-Type": "text/html; charset=utf-8"},
            "answered with a page of HTML, or XML, and no document: does it want you to log in? "
            "(text/html; charset=utf-8)",
        ),
        (pack(b"<html>") | {"Content-Type": "text/html"}, "answered with a page of HTML"),
    ],
)
def test_what_is_answered_instead_of_a_document_is_told(acme, serve, answer, said):
    url = serve(**answer)
    code, _, told = run(url, "--org", acme.slug)
    assert code == Exit.UNABLE
    assert told.startswith(f"{url} answered ")
    assert said in told


def test_no_more_is_unpacked_than_is_read_of_anything(serve, monkeypatch):
    monkeypatch.setattr(downloading, "MAX_BYTES", 100_000)
    bomb = pack(b"#" * 10_000_000)
    assert len(bomb["body"]) < 100_000
    assert len(downloading.download(serve(**bomb))) == 100_001


def test_who_cannot_be_connected_to_is_told_as_that(monkeypatch):
    async def wait(*_):
        raise aiohttp.ConnectionTimeoutError("Connection timeout to host")

    monkeypatch.setattr(downloading, "_download", wait)
    with pytest.raises(CommandError, match="Connection timeout to host"):
        downloading.download("https://a.example/")
