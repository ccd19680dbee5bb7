"""What somebody looks for among actions: an address says all of it, and can be passed on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import Exists, OuterRef, Q
from django.http import QueryDict

from actions.models import ActionDefinition, DefinitionName
from config.paging import MAX_ROW_ID
from config.parsing import NO_MOMENT, find_local_moment, find_zone
from console.pages import clean, read_text
from destinations.models import Destination
from dispatch import idempotency
from dispatch.filters import RecordFilter
from dispatch.models import Status
from dispatch.searches import Place
from operations.models import BulkOperation
from orgs.permissions import APPROVE
from orgs.viewers import Viewer
from orgs.windows import is_row_id

BULK = "PUT /v1/orgs/{org_id}/actions/bulk"
REPLAY = "POST /v1/orgs/{org_id}/actions/records/{id}/replay"
Kind = BulkOperation.Kind
MAX_TEXT = 255
MAX_TAGS = 16
STATUSES = tuple(str(status) for status in Status if status != Status.SCHEDULED)
TEXTS = ("q", "variant", "destination", "status", "since", "until", "zone", "error")
TAG = "tag"
NO_TAG = "A tag is key=value."
NO_STATUS = "There is no such status."
# Of one name, in all organizations that are looked at.
MOST_VERSIONS = 50_000
TOO_MANY_VERSIONS = (
    f"More than {MOST_VERSIONS:,} versions go by this name: look at one organization, or search "
    "some other way."
)
TOO_LONG = f"This is longer than {MAX_TEXT} characters."


NOTHING = RecordFilter(record_ids=())


@dataclass(frozen=True, slots=True)
class Search:
    """What was asked for in words, what is wrong with it, and which actions that means."""

    texts: Mapping[str, str]
    tags: tuple[str, ...] = ()
    faults: Mapping[str, str] = field(default_factory=dict)
    filter: RecordFilter = field(default_factory=RecordFilter)
    place: Place = field(default_factory=Place)

    @property
    def is_narrowed(self) -> bool:
        """Whether anything was asked for."""
        return bool(self.tags) or any(self.texts[name] for name in TEXTS if name != "zone")

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """All that was asked for, as an address has it."""
        named = [(name, self.texts[name]) for name in TEXTS if self.texts[name]]
        return [*named, *((TAG, text) for text in self.tags)]

    def write_query(self, **more: Any) -> str:
        """What leads to the same search; `more` says where in it, or what for."""
        return urlencode([*self.pairs, *more.items()])


def find_kinds(viewer: Viewer, search: Search) -> list[str]:
    """What somebody may have done in bulk to what a search finds."""
    if not (viewer.may(BULK) and viewer.may(REPLAY)):
        return []
    if search.texts["status"] == Status.HELD and viewer.may(APPROVE):
        return [Kind.APPROVE, Kind.DENY, Kind.CANCEL]
    return [Kind.REPLAY, Kind.CANCEL]


def read(query: QueryDict, viewer: Viewer) -> Search:
    """The search that an address says; what is wrong with it matches nothing, and is told."""
    texts = {name: read_text(query, name) for name in TEXTS}
    tags = tuple(text for one in query.getlist(TAG)[:MAX_TAGS] if (text := clean(one)))
    search = Search(texts, tags, place=_read_place(query))
    reading = _Reading(search, viewer)
    asked = reading.read()
    if reading.faults or reading.finds_nothing:
        asked = NOTHING
    return replace(search, filter=asked, faults=reading.faults)


def _read_place(query: QueryDict) -> Place:
    below, above = (_read_id(query.get(name, "")) for name in ("below", "above"))
    return Place(below, None if below is not None else above)


def _read_id(text: str) -> int | None:
    return int(text) if is_row_id(text) else None


class _Reading:
    """Reads a search part by part; each part says its own fault."""

    def __init__(self, search: Search, viewer: Viewer) -> None:
        self.texts = search.texts
        self.tags = search.tags
        self.viewer = viewer
        self.faults: dict[str, str] = {}
        # Whether it names what is not there: nothing has to be looked through for that.
        self.finds_nothing = False

    def read(self) -> RecordFilter:
        """The filter of all that was asked for."""
        for name, text in self.texts.items():
            if len(text) > MAX_TEXT:
                self.faults[name] = TOO_LONG
        return RecordFilter(
            status=self._read("status", self._find_status),
            tags=self._read_tags(),
            created_after=self._read("since", self._find_moment),
            created_before=self._read("until", self._find_moment),
            record_ids=self._read("q", self._find_records),
            definition_ids=self._read("variant", self._find_definitions),
            destination_label=self._read("destination", self._find_label),
            error=self._read("error", str),
        )

    def _read(self, name: str, find: Callable[[str], Any]) -> Any:
        """What a text means; None where there is none, or it is wrong."""
        text = self.texts[name]
        if not text or name in self.faults:
            return None
        try:
            return find(text)
        except _WrongError as error:
            self.faults[name] = str(error)
            return None

    def _find_status(self, text: str) -> str:
        if text not in STATUSES:
            raise _WrongError(NO_STATUS)
        return text

    def _read_tags(self) -> dict[str, str]:
        pairs = [tag.partition("=") for tag in self.tags]
        if any(not key or not equals or len(key) + len(value) > 2 * MAX_TEXT
               for key, equals, value in pairs):  # fmt: skip
            self.faults[TAG] = NO_TAG
            return {}
        return {key: value for key, _, value in pairs}

    def _find_moment(self, text: str) -> datetime:
        """A moment; one without an offset is of the viewer's zone."""
        moment = find_local_moment(text, find_zone(self.texts["zone"]))
        if moment is None:
            raise _WrongError(NO_MOMENT)
        return moment

    def _find_records(self, text: str) -> tuple[int, ...]:
        """The action of this id, and those that came under this key wherever one looks."""
        own = [min(int(text), MAX_ROW_ID)] if is_row_id(text) else []
        return tuple(dict.fromkeys([*own, *idempotency.find_records(text, self.viewer.org_ids)]))

    def _find_label(self, text: str) -> str:
        named = self.viewer.narrow(Destination.objects.filter(label=text))
        self.finds_nothing |= not named.exists()
        return text

    def _find_definitions(self, text: str) -> tuple[int, ...]:
        """All versions of the variants that go by this name, as variant or alias."""
        aliases = DefinitionName.objects.filter(
            name=text, kind="alias", org_id=OuterRef("org_id"), variant=OuterRef("variant")
        )
        found: dict[int, None] = {}
        for is_named in (Q(variant=text), Exists(aliases)):
            rows = self.viewer.narrow(ActionDefinition.objects.filter(is_named))
            found |= dict.fromkeys(rows.values_list("pk", flat=True)[: MOST_VERSIONS + 1])
        if len(found) > MOST_VERSIONS:
            raise _WrongError(TOO_MANY_VERSIONS)
        self.finds_nothing |= not found
        return tuple(found)


class _WrongError(ValueError):
    """What is wrong with a part of a search."""
