"""Documents from files, standard input and folders, in JSON or YAML: read strictly, within limits.

What is read is JSON, however it is written (docs/importing.md, "Files"): `read` gives one value,
`read_folder` one for each file, and either can tell the line of a JSON Pointer. `dump` writes.
"""

from __future__ import annotations

from bundles.reading.faults import NoFileError as NoFileError
from bundles.reading.faults import UnreadableError as UnreadableError
from bundles.reading.memory import Budget as Budget
from bundles.reading.merging import merge
from bundles.reading.places import lines_above as lines_above
from bundles.reading.sources import Source as Source
from bundles.reading.sources import find_places as find_places
from bundles.reading.sources import parse as parse
from bundles.reading.sources import read_file, read_input
from bundles.reading.sources import read_folder as read_folder
from bundles.reading.writing import dump as dump

STANDARD_INPUT = "-"


def read(path: str, *, budget: Budget | None = None, plain_keys: bool = False) -> Source:
    """The document of a file, of `-` (standard input), or of a folder's files together.

    Raises `NoFileError` where there is nothing to be read, else `UnreadableError`, with the line.
    """
    budget = budget or Budget()
    if path == STANDARD_INPUT:
        return read_input(budget=budget, plain_keys=plain_keys)
    found = read_folder(path, budget=budget, plain_keys=plain_keys)
    if found is None:
        return read_file(path, budget=budget, plain_keys=plain_keys)
    return merge(path, found)
