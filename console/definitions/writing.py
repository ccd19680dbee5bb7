"""Writing a contract: the editor, what is wrong while one types, and the page before publishing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from actions import services
from actions.models import ActionDefinition, Compatibility
from actions.policies import Judgement
from config import strictjson
from config.errors import DomainError, Fault
from console import differences
from console.definitions.comparing import judge_pair, show_report
from console.definitions.found import PUBLISH, check_said, find, find_org, held_by
from console.pages import fragment, page, read_text, show
from console.ways import building, drafts
from console.ways.contracts import ContractWay
from dispatch import rehearsals
from orgs.models import Organization
from orgs.viewers import Viewer, viewer_of
from orgs.windows import is_row_id

EDITOR = "console/definitions/edit.html"
REVIEW = "console/definitions/review.html"
# Of the last payloads of the variant, so many are looked at.
PAYLOADS = 50
MOST_ORGS = 200
# As they are when nothing is said of them.
TEXTS = ("org", "variant", "description", "compatibility", "text")
FLAGS = ("allow_indeterminate", "requires_approval")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants published, as they typed it."""

    values: dict[str, str]
    flags: dict[str, bool]

    @classmethod
    def of(cls, request: HttpRequest) -> Wanted:
        """What was posted."""
        values = {name: read_text(request.POST, name) for name in TEXTS}
        # A contract is judged as it was typed.
        values["text"] = request.POST.get("text", "")
        return cls(
            {name: value.replace("\r\n", "\n") for name, value in values.items()},
            {name: name in request.POST for name in FLAGS},
        )

    def read(self) -> dict[str, Any]:
        """The schema, and whose it is to be; `DomainError` where it is none."""
        check_said({name: self.values[name] or None for name in ("description", "compatibility")})
        return {
            "variant": self.values["variant"].strip(),
            "schema": strictjson.parse(self.values["text"].encode("utf-8", "surrogatepass")),
            "compatibility": self.values["compatibility"] or None,
        }


@page(EDITOR, title="New definition")
def write_new(request: HttpRequest) -> dict[str, Any]:
    """The editor of a variant that is not there yet."""
    viewer = viewer_of(request)
    viewer.require(PUBLISH)
    values = dict.fromkeys(TEXTS, "") | {"text": drafts.write(building.NEW)}
    values["org"] = str(viewer.org.pk) if viewer.org else ""
    return _edit(viewer, Wanted(values, {}))


@page(EDITOR)
def write_next(request: HttpRequest, definition_id: int) -> dict[str, Any]:
    """The editor of a variant's next version, which starts from this one."""
    found = find(request, definition_id, operation=PUBLISH)
    definition = found.definition
    values = {
        "org": str(definition.org_id),
        "variant": definition.variant,
        "description": definition.description,
        "compatibility": "",
        "text": drafts.write(definition.read_schema()),
    }
    return {
        **_edit(found.viewer, Wanted(values, {})),
        "title": f"Next version of {definition.variant}",
        "crumbs": [
            ("Definitions", reverse("console:definitions")),
            (str(definition), reverse("console:definition", args=[definition.pk])),
        ],
        "start": definition,
    }


@fragment(EDITOR, methods=("POST",))
def judge_draft(request: HttpRequest) -> HttpResponseBase:
    """What is wrong with a contract while it is typed, and how its other way looks."""
    viewer_of(request).require(PUBLISH)
    way = ContractWay()
    try:
        draft = drafts.read(way, strictjson.parse(request.body))
    except DomainError as error:
        return JsonResponse({"refusal": str(error)}, status=error.status)
    return JsonResponse(draft.as_dict(way))


@page(REVIEW, methods=("POST",))
def review(request: HttpRequest) -> HttpResponseBase | dict[str, Any]:
    """What publishing it would change, and whether the variant's policy lets it."""
    viewer = viewer_of(request)
    viewer.require(PUBLISH)
    wanted = Wanted.of(request)
    return _review(request, viewer, wanted)


@page(REVIEW, methods=("POST",))
def publish(request: HttpRequest) -> HttpResponseBase | dict[str, Any]:
    """The next version, stored; what is refused is shown on the page before."""
    viewer = viewer_of(request)
    viewer.require(PUBLISH)
    wanted = Wanted.of(request)
    if "again" in request.POST:
        return _show_editor(request, viewer, wanted, ())
    org = _find_org(viewer, wanted)
    reviewed = request.POST.get("version", "")
    try:
        made = services.put_definition(
            org_id=org.pk,
            # Refused where somebody else has published it since: that was not reviewed.
            version=int(reviewed) if is_row_id(reviewed) else None,
            **wanted.read(),
            description=wanted.values["description"] or None,
            requires_approval=wanted.flags["requires_approval"] or None,
            allow_indeterminate=wanted.flags["allow_indeterminate"],
            held=held_by(viewer),
        )
    except DomainError as error:
        return _review(request, viewer, wanted, refused=error.faults)
    messages.success(request, f"{made} is published. What is sent without a version takes it.")
    return redirect("console:definition", made.pk)


def _review(
    request: HttpRequest, viewer: Viewer, wanted: Wanted, refused: Sequence[Fault] = ()
) -> HttpResponseBase | dict[str, Any]:
    org = _find_org(viewer, wanted)
    try:
        asked = wanted.read()
        rehearsal = rehearsals.rehearse(
            org_id=org.pk,
            payloads=PAYLOADS,
            allow_indeterminate=wanted.flags["allow_indeterminate"],
            **asked,
        )
    except DomainError as error:
        return _show_editor(request, viewer, wanted, error.faults)
    newest = _find_newest(org.pk, asked["variant"])
    judgement = rehearsal.judgement
    old = newest.read_schema() if newest else {}
    return {
        "title": f"Review {asked['variant']} v{judgement.place.number}",
        "crumbs": [("Definitions", reverse("console:definitions"))],
        "wanted": wanted,
        "org": org,
        "newest": newest,
        "before": f"v{newest.version}" if newest else "",
        "after": f"v{judgement.place.number}",
        "number": judgement.place.number,
        "stored": judgement.place.stored,
        "outcome": rehearsal.outcome,
        "is_accepted": rehearsal.is_accepted,
        "refused": [_tell(fault) for fault in refused],
        "differences": differences.compare(old, asked["schema"]),
        "policy": Compatibility(judgement.place.terms.policy.value).label,
        "verdict": judgement.verdict.value if judgement.verdict else "",
        "judged": [(one.version, show_report(one.report)) for one in judgement.judged],
        "beside": _judge_beside(judgement, newest),
        "replayed": rehearsal.replayed,
    }


def _judge_beside(judgement: Judgement, newest: ActionDefinition | None) -> dict[str, Any]:
    """How it stands to the newest version, where no policy has had it judged."""
    if newest is None or judgement.judged:
        return {}
    content = judgement.place.terms.open_content
    return judge_pair(newest.org_id, newest.read_schema(), judgement.asked.schema, content)


def _find_newest(org_id: int, variant: str) -> ActionDefinition | None:
    versions = ActionDefinition.objects.of_org(org_id).filter(variant=variant)
    newest: ActionDefinition | None = versions.order_by("-version").first()
    return newest


def _find_org(viewer: Viewer, wanted: Wanted) -> Organization:
    org = find_org(viewer, wanted.values["org"])
    if org is None:
        raise Http404
    return org


def _show_editor(
    request: HttpRequest, viewer: Viewer, wanted: Wanted, faults: Sequence[Fault]
) -> HttpResponseBase:
    """The editor once more, with what was typed, whatever that is."""
    context = {"title": "Edit", "faults": [_tell(fault) for fault in faults]}
    status = 422 if faults else 200
    return show(request, EDITOR, _edit(viewer, wanted) | context, status=status)


def _tell(fault: Fault) -> str:
    at = f" (at {fault.pointer})" if fault.pointer else ""
    return f"{fault.message}{at}"


def _edit(viewer: Viewer, wanted: Wanted) -> dict[str, Any]:
    way = ContractWay()
    text = wanted.values["text"]
    draft = drafts.read(way, {"from": drafts.TEXT, "text": text})
    return {
        "wanted": wanted,
        "state": draft.as_dict(way)
        # What was typed stays as it was typed.
        | {"text": text, "schema": way.drawn, "judge": reverse("console:judge_contract")},
        "orgs": _choose_org(viewer),
        "compatibilities": Compatibility.choices,
        "crumbs": [("Definitions", reverse("console:definitions"))],
    }


def _choose_org(viewer: Viewer) -> list[Organization]:
    """Whose it may become, for staff who look at all."""
    if viewer.org is not None:
        return []
    return list(Organization.objects.live().order_by("name")[:MOST_ORGS])
