"""`manage.py import_openapi`: the operations of an OpenAPI document as definitions."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urldefrag

from bundles import openapi, reading
from bundles.console import EXIT_CODES, ImportCommand, Imported
from bundles.openapi.faults import UnusableError
from bundles.openapi.operations import Choice
from bundles.openapi.servers import Wanted
from bundles.reading import NoFileError, Source
from config.commands import UnableError

LESSON = f"""
Each operation of an OpenAPI document (3.0, 3.1 or 3.2; JSON or YAML; a file, standard input or a
URL) becomes a definition, the operations of its webhooks too:

  variant   its operationId, with . for /; without one its method and path, get.pets.petId
  contract  its parameters by their names, and the properties of its body beside them; a body that
            is no object, or would mean something else then, is one property: body
  goes to   one webhook destination for the server; a payload is POSTed to the server's URL as it
            is, so it takes a receiver there that knows what GET /pets/{{petId}} is made of

What does not become a definition is listed with the reason. Nothing else is fetched: references
to other documents are reasons. docs/importing.md tells all of it, with examples.

Run again with a newer document, it publishes new versions where contracts have changed, and leaves
everything else as it is. It deletes nothing.

examples:
  manage.py import_openapi petstore.yaml --org acme --dry-run     what would be done
  manage.py import_openapi petstore.yaml --org acme --prefix pets.
  manage.py import_openapi https://api.example.com/openapi.json --org acme --tag orders
  manage.py import_openapi big.json --org acme --path '/repos/*' --exclude-path '*/actions/*'
  manage.py import_openapi petstore.yaml --org acme --server https://pets.example.com/v2
  manage.py import_openapi petstore.yaml --org acme --destination pets-adapter
{EXIT_CODES}"""


@dataclass(frozen=True, slots=True)
class Origins:
    """Where in the OpenAPI document the parts of a bundle made of it come from."""

    source: Source
    pointers: Sequence[str]

    def places(self, pointers: Iterable[str]) -> list[str]:
        """File and line of the operation that each pointer into an action leads to."""
        return self.source.places(map(self._trace, pointers))

    def _trace(self, pointer: str) -> str:
        parts = pointer.split("/")
        is_action = parts[1:2] == ["actions"] and len(parts) > 2
        return self.pointers[int(parts[2])] if is_action else "/servers"


class Command(ImportCommand):
    """Makes an organization have definitions of what an OpenAPI document describes."""

    help = "Import the operations of an OpenAPI document: plan, show, apply."
    lesson = LESSON

    def add_source(self, parser: ArgumentParser) -> None:
        """Where the document is, which operations are wanted and where they go."""
        parser.add_argument("document", help="a file, a URL, or - for standard input")
        parser.add_argument("--prefix", default="", help="put before the name of each variant")
        chosen = parser.add_argument_group("which operations (each may be said several times)")
        for option, metavar, said in (
            ("--tag", "TAG", "only those with this tag"),
            ("--exclude-tag", "TAG", "none with this tag"),
            ("--path", "GLOB", "only those whose path matches, * matches / too"),
            ("--exclude-path", "GLOB", "none whose path matches"),
        ):
            chosen.add_argument(option, action="append", default=[], metavar=metavar, help=said)
        where = parser.add_argument_group("where they go")
        where.add_argument("--server", metavar="URL", help="instead of the document's servers")
        where.add_argument("--label", help="of the destination; else the document's title")
        only = where.add_mutually_exclusive_group()
        only.add_argument("--destination", metavar="LABEL", help="one that is there already")
        only.add_argument("--no-destination", action="store_true", help="link them to none")

    def read_document(self, options: Mapping[str, Any]) -> Imported:
        """The document as a bundle."""
        source, address = _read(options["document"])
        try:
            converted = self._convert(source, _read_options(options, address))
        except UnusableError as error:
            raise self._placed(error, source) from error
        return Imported(converted.document, converted.left_out, Origins(source, converted.pointers))

    def _convert(self, source: Source, options: openapi.Options) -> openapi.Converted:
        with self.progress("Operations", None) as steps:
            return openapi.convert(source.value, options, advance=steps.advance)


def _read(document: str) -> tuple[Source, str | None]:
    """The document, and the URL that it was fetched from."""
    if openapi.is_url(document):
        data = openapi.download(document)
        return reading.parse(urldefrag(document).url, data, plain_keys=True), document
    try:
        return reading.read(document, plain_keys=True), None
    except NoFileError as error:
        raise UnableError(str(error)) from error


def _read_options(options: Mapping[str, Any], address: str | None) -> openapi.Options:
    choice = Choice(
        tuple(options["tag"]),
        tuple(options["exclude_tag"]),
        tuple(options["path"]),
        tuple(options["exclude_path"]),
    )
    wanted = Wanted(
        address,
        options["server"],
        options["label"],
        options["destination"],
        linked=not options["no_destination"],
    )
    return openapi.Options(options["prefix"], choice, wanted)
