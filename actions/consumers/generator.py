"""A process of its own that writes Python types, for a generator cannot be bounded from inside.

`python -m actions.consumers.generator` reads a schema and a name from standard input.
"""

from __future__ import annotations

import builtins
import keyword
import re
import sys
from collections.abc import Iterable
from typing import Any

import orjson
from datamodel_code_generator import generate
from datamodel_code_generator.enums import DataModelType, InputFileType
from datamodel_code_generator.format import Formatter, PythonVersion
from datamodel_code_generator.parser import LiteralType

from actions.consumers.arranging import arrange
from actions.consumers.checking import is_only_types
from actions.consumers.naming import RESERVED
from actions.consumers.plain import simplify
from actions.consumers.reading import read_shapes
from runtime import apart

_ATTRIBUTE = re.compile("[A-Za-z][A-Za-z0-9_]*")
_TAKEN = frozenset([*dir(builtins), *keyword.kwlist, *keyword.softkwlist, *RESERVED])


def main() -> None:
    """Write the types to standard output; nothing, and exit code 1, if it is not only types."""
    asked = orjson.loads(sys.stdin.buffer.read())
    apart.limit(seconds=asked["seconds"])
    written = write_types(asked["schema"], asked["name"])
    if not is_only_types(written):
        sys.exit("What was generated is more than types.")
    sys.stdout.buffer.write(written.encode())


def write_types(schema: Any, name: str) -> str:
    """The module of an admitted schema, as the generator writes it."""
    plain = simplify(read_shapes(schema, name))
    mark = _choose_mark(_names(plain["$defs"]))
    written = generate(
        {"$defs": {name: _mark(said, mark) for name, said in plain["$defs"].items()}},
        input_file_type=InputFileType.JsonSchema,
        output_model_type=DataModelType.TypingTypedDict,
        target_python_version=PythonVersion.PY_311,
        enum_field_as_literal=LiteralType.All,
        skip_root_model=True,
        allow_remote_refs=False,
        use_closed_typed_dict=False,
        formatters=[Formatter.BUILTIN],
        custom_file_header="# Generated.",
    )
    return _spell(arrange(str(written).replace(mark, "")))


def _spell(source: str) -> str:
    """The module with all of it visible: what is not can only stand in its texts, for the names
    of types are letters and digits, and no comment is a tenant's."""
    return "".join(
        char if char.isprintable() or char == "\n" else char.encode("unicode_escape").decode()
        for char in source
    )


def _names(definitions: dict[str, Any]) -> Iterable[str]:
    for said in definitions.values():
        yield from said.get("properties", ())
        # What a value holds is not to be taken for the mark either.
        yield orjson.dumps(said).decode()


def _choose_mark(texts: Iterable[str]) -> str:
    """What makes a name one that the generator repeats as it is; it is in none of the texts."""
    whole, mark = "\n".join(texts), "mark of waybill: "
    while mark in whole:
        mark = f"another {mark}"
    return mark


def _mark(said: dict[str, Any], mark: str) -> dict[str, Any]:
    """The definition, with a mark on the properties that the generator would rename, as it does
    with `_links`, or whose names mean something else to Python."""
    if "properties" not in said:
        return said
    names = {name: _marked(name, mark) for name in said["properties"]}
    return {
        **said,
        "properties": {names[name]: inner for name, inner in said["properties"].items()},
        "required": [names[name] for name in said["required"]],
    }


def _marked(name: str, mark: str) -> str:
    fits = _ATTRIBUTE.fullmatch(name) and name not in _TAKEN
    return name if fits else mark + name


if __name__ == "__main__":
    main()
