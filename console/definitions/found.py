"""Which definition a page is about, and what who looks may do with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest

from actions import services
from actions.models import ActionDefinition
from actions.schemas import DEFINITION_CHANGES
from config import validation
from config.errors import RuleError
from orgs.models import Organization, Permission
from orgs.permissions import APPROVE
from orgs.viewers import Viewer, viewer_of
from orgs.windows import is_row_id

_DEFINITIONS = "/v1/orgs/{org_id}/actions/definitions"
READ = f"GET {_DEFINITIONS}/{{id}}"
LIST = f"GET {_DEFINITIONS}"
PUBLISH = f"PUT {_DEFINITIONS}"
CHANGE = f"POST {_DEFINITIONS}/{{id}}"
DELETE = f"DELETE {_DEFINITIONS}/{{id}}"
LINK = f"PUT {_DEFINITIONS}/{{id}}/destinations/{{destination_id}}"
UNLINK = f"DELETE {_DEFINITIONS}/{{id}}/destinations/{{destination_id}}"
CHECK = f"POST {_DEFINITIONS}/check"
# As the API has them; moments are read already.
_TEXTS = ("description", *services.POLICY)
_SAID = validation.compile_schema(
    {"properties": {name: DEFINITION_CHANGES["properties"][name] for name in _TEXTS}},
    mask="What was typed",
)


@dataclass(frozen=True, slots=True)
class Found:
    """A definition, with the policy of its variant, and who looks at it."""

    viewer: Viewer
    definition: ActionDefinition
    compatibility: str
    open_content: str


def find(request: HttpRequest, definition_id: int, *, operation: str = READ) -> Found:
    """The definition with its links, names and policy, of what is looked at; else 404.

    Whoever may not do the operation is refused.
    """
    viewer = viewer_of(request)
    viewer.require(operation)
    rows = services.with_links(ActionDefinition.objects.select_related("org"))
    definition = viewer.narrow(rows).filter(pk=definition_id).first()
    if definition is None:
        raise Http404
    compatibility, open_content = (getattr(definition, f"variant_{one}") for one in services.POLICY)
    return Found(viewer, definition, compatibility, open_content)


def held_by(viewer: Viewer) -> tuple[Permission, ...]:
    """What a service is told of who changes something: who may approve may lift the need for it."""
    return (Permission.ADMIN,) if viewer.may(APPROVE) else ()


def check_said(said: Mapping[str, Any]) -> None:
    """Refuse what the API refuses of what is said of a definition, before a service takes it."""
    told = {name: said[name] for name in _TEXTS if said.get(name) is not None}
    if faults := validation.find_faults(_SAID, told, code="INVALID_BODY"):
        raise RuleError.of(faults)


def find_org(viewer: Viewer, asked: str) -> Organization | None:
    """The organization looked at, or, for staff who look at all, the one that they name.

    None where a page names another one: it is of before somebody has switched, in another tab.
    """
    if viewer.org is not None:
        return viewer.org if asked in ("", str(viewer.org.pk)) else None
    if not viewer.is_staff or not is_row_id(asked):
        return None
    return Organization.objects.live().filter(pk=int(asked)).first()
