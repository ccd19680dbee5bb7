"""A folder of pages and types, one set for each variant."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from actions.consumers import markdown
from actions.models import ActionDefinition

INDEX = "README.md"
MAX_NAME = 100
# What no page is called, in small letters, whatever the variant is.
_TAKEN = {"readme"}


def name_files(variant: str) -> str:
    """What a variant's files are called, without their endings: never two variants' alike, also
    where capitals are not told apart."""
    name = re.sub("[^a-z0-9_.-]", "-", variant.lower()).strip(".-")[:MAX_NAME]
    if name and name == variant and name not in _TAKEN:
        return name
    return f"{name or 'variant'}-{sha256(variant.encode()).hexdigest()[:8]}"


def list_definition(definition: ActionDefinition) -> tuple[str, ...]:
    """A row of the page that lists the others."""
    return (
        f"[{markdown.code(definition.variant)}]({name_files(definition.variant)}.md)",
        str(definition.version),
        markdown.cell(definition.description) or "-",
    )


def write_index(rows: Iterable[tuple[str, ...]]) -> str:
    """The page that lists the others."""
    return f"# Actions\n\n{markdown.table(('variant', 'version', 'description'), rows)}"


def differs(path: Path, text: str) -> bool:
    """Whether the file is not there, or holds something else."""
    try:
        return path.read_bytes() != text.encode()
    except FileNotFoundError:
        return True


def write_file(path: Path, text: str) -> None:
    """Write the file whole: whoever reads it, or breaks it off, finds the old one or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, made = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
        Path(made).chmod(0o644)
        Path(made).replace(path)
    finally:
        with suppress(FileNotFoundError):
            Path(made).unlink()
