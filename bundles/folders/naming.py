"""How a schema's variant is made: a template over what is known of it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bundles.folders.references import SkippedError

FIELDS = ("path", "stem", "name", "title", "id", "subject")
_FIELD = re.compile(r"\{([^{}]*)\}")


class TemplateError(ValueError):
    """The template, or its expression, makes no sense; the message is for who wrote it."""


class Naming:
    """A template like `github.{name}`, and an expression whose groups it may use.

    `match` is `FIELD=EXPRESSION`: the field has to match it as a whole, else the schema is left
    out. Its named groups are further fields.
    """

    def __init__(self, template: str, match: str | None = None) -> None:
        self._template = template
        self._field = ""
        self._expression: re.Pattern[str] | None = None
        if match:
            self._field, self._expression = _read_match(match)
        groups = tuple(self._expression.groupindex) if self._expression else ()
        known = (*FIELDS, *groups)
        asked = _FIELD.findall(template)
        unknown = next((name for name in asked if name not in known), None)
        if unknown is not None:
            said = ", ".join(f"{{{name}}}" for name in known)
            raise TemplateError(f"There is no {{{unknown}}}: there are {said}.")
        if not asked:
            raise TemplateError(f"{template!r} names all schemas alike: use {{stem}} or another.")

    def name(self, fields: Mapping[str, str]) -> str:
        """The variant of a schema of which these fields are known."""
        known = dict(fields)
        if self._expression:
            text = fields.get(self._field, "")
            found = self._expression.fullmatch(text)
            if found is None:
                raise SkippedError(f"Its {self._field} {text!r} does not match.")
            known |= {name: value or "" for name, value in found.groupdict().items()}

        def fill(field: re.Match[str]) -> str:
            if not known.get(field[1]):
                raise SkippedError(f"It has no {field[1]} to make a variant of.")
            return known[field[1]]

        return _FIELD.sub(fill, self._template)


def _read_match(match: str) -> tuple[str, re.Pattern[str]]:
    field, equals, expression = match.partition("=")
    if not equals or field not in FIELDS:
        raise TemplateError(
            f"Write FIELD=EXPRESSION, with one of {', '.join(FIELDS)} as the field."
        )
    try:
        return field, re.compile(expression)
    except re.error as error:
        raise TemplateError(f"{expression!r} is no regular expression: {error}.") from error
