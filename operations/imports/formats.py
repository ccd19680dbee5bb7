"""How a file is read: as JSON lines or as a table, and of which variant its actions are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

from actions.models import ActionDefinition
from config import strictjson
from config.errors import BadRequestError
from dispatch import intake
from operations.imports import jsonlines
from operations.imports.columns import Wishes
from operations.imports.lines import Batch, LineReader, Place, in_batches
from operations.imports.sources import Source
from operations.imports.tables import Table, Target


@dataclass(frozen=True, slots=True)
class Format:
    """What the caller says of a file. A `delimiter` makes it a table, of a variant then.

    Without a `variant`, each line names its own; with one, a line that is `bare` is the input.
    """

    variant: str | None = None
    bare: bool = False
    delimiter: str | None = None
    wishes: Wishes = field(default_factory=Wishes)

    def identify(self, source: Source) -> bytes:
        """What tells this import from others: the content, and all that says how it is read."""
        how = asdict(self)
        how["wishes"]["ignored"] = sorted(self.wishes.ignored)
        return strictjson.digest({"content": source.digest.hex(), "how": how})


def read_batches(org_id: int, source: Source, format: Format, place: Place) -> Iterator[Batch]:
    """The batches of a file from a place on. What is wrong with all of it is raised at once."""
    reader = LineReader(source.file, source.size)
    target = None if format.variant is None else _find_target(org_id, format.variant)
    if target is not None and format.delimiter is not None:
        table = Table(reader, target, delimiter=format.delimiter, wishes=format.wishes)
        items = table.read_items(place)
    else:
        reader.go_to(place)
        items = jsonlines.read_items(reader, variant=format.variant, bare=format.bare)
    return _while_unchanged(source, in_batches(items, reader))


def _while_unchanged(source: Source, batches: Iterator[Batch]) -> Iterator[Batch]:
    for batch in batches:
        source.check_unchanged()
        yield batch


def _find_target(org_id: int, variant: str) -> Target:
    """The version that the name stands for now: the whole file is read by its contract."""
    route = intake.resolve(org_id, {(variant, None)}).get((variant, None))
    if route is None:
        raise BadRequestError(f"There is no action {variant!r}.", code="UNKNOWN_VARIANT")
    definition = ActionDefinition.objects.get(pk=route.definition_id)
    return Target(variant, route.version, definition.read_schema())
