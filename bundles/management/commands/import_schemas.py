"""`manage.py import_schemas`: a definition for each JSON Schema of a folder."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from bundles import folders, reading
from bundles.console import EXIT_CODES, ImportCommand, Imported
from bundles.folders.finding import Choice
from bundles.folders.naming import Naming, TemplateError
from bundles.reading import NoFileError
from config.commands import UnableError

LESSON = f"""
Every schema in the *.json, *.yaml and *.yml files of the folder, and of those below it, becomes a
definition (docs/importing.md, "Folders of schemas"):

  JSON Schema       drafts 4 to 2020-12; a file is one, or --each says where in it they are
  OpenAPI 3         the components' schemas; of an export of EventBridge's registry, the event
  schema registry   what GET /subjects/SUBJECT/versions/VERSION answers, one in a file or a list
                    of them, with their version numbers; JSON and AVRO

What a schema refers to in other files is bundled into it, by path and by $id. Nothing is fetched.
What cannot be a contract is left out and listed with the reason, as is what refers outside.

--variant-from makes the variant of: {{path}} of the file in dots, {{stem}} of its name, {{name}} of
the schema in it (of its subject), {{title}}, {{id}} in dots, {{subject}}. Two schemas that give one
variant are a fault that names both. --variant-match FIELD=EXPRESSION leaves out what does not
match as a whole; the groups that it names can be used as well.

examples:
  manage.py import_schemas schemas/ --org acme --variant-from '{{path}}' --dry-run
  manage.py import_schemas cloudevents/ --org acme --variant-from 'ce.{{stem}}'
  manage.py import_schemas @octokit/webhooks-schemas/schema.json --org acme --each /oneOf \\
      --variant-match 'name=(?P<event>.+)[_$]event' --variant-from 'github.{{event}}'
  manage.py import_schemas aws/ --org acme --variant-from '{{stem}}'
  manage.py import_schemas subjects/ --org acme --variant-match 'subject=(?P<topic>.+)-value' \\
      --variant-from '{{topic}}'
{EXIT_CODES}"""


class Command(ImportCommand):
    """Imports a folder of schemas."""

    help = "Import a folder of JSON Schemas, or of a schema registry's subjects, as definitions."
    lesson = LESSON

    def add_source(self, parser: ArgumentParser) -> None:
        """The folder, what counts in it, and how it is named."""
        parser.add_argument("folder", help="a folder of schemas, or one file")
        parser.add_argument(
            "--variant-from", required=True, metavar="TEMPLATE", help="such as 'github.{name}'"
        )
        parser.add_argument(
            "--variant-match", metavar="FIELD=EXPRESSION", help="only what matches; names groups"
        )
        parser.add_argument(
            "--each", metavar="POINTER", help="where in each file schemas stand, like /definitions"
        )
        parser.add_argument(
            "--only", action="append", default=[], metavar="GLOB", help="only files like this"
        )
        parser.add_argument(
            "--except", action="append", default=[], metavar="GLOB", help="no files like this"
        )

    def read_document(self, options: Mapping[str, Any]) -> Imported:
        """The schemas as a bundle."""
        folder, budget = options["folder"], reading.Budget()
        try:
            naming = Naming(options["variant_from"], options["variant_match"])
            sources = reading.read_folder(folder, budget=budget, plain_keys=True)
            if sources is None:
                sources = [reading.read(folder, budget=budget, plain_keys=True)]
        except (NoFileError, TemplateError) as error:
            raise UnableError(str(error)) from error
        choice = Choice(options["only"], options["except"], options["each"])
        root = folder if sources[0].name != folder else ""
        with self.progress("Schemas", None) as steps:
            made = folders.convert(
                sources,
                root=root,
                choice=choice,
                naming=naming,
                budget=budget,
                advance=steps.advance,
            )
        return Imported(made.document, made.left_out, made, budget.left)
