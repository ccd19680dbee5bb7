"""What is asked before a definition changes: what leads where now, and where it will."""

from __future__ import annotations

from typing import Any, NamedTuple

from actions.models import ActionDefinition, DefinitionName
from console.pages import Question
from destinations.models import Destination

SINK = "the organization's default sink, which keeps its actions and delivers none"
REFUSED = "is refused as an unknown action (400, UNKNOWN_VARIANT)"
STAYS = "Actions that were accepted before keep their destination."
# What an answer says that it is about: where that has changed meanwhile, it is asked anew.
ABOUT = "sure"


class Asked(NamedTuple):
    """A question, and the version that calls lead to no longer, where there is one."""

    question: Question
    loser: ActionDefinition | None = None

    def is_answered(self, posted: Any) -> bool:
        """Whether what was posted says yes to this, and to nothing that has changed since."""
        return bool(posted.get(ABOUT) == str(self.question.posted[ABOUT]))


def of_alias(definition: ActionDefinition, name: str) -> Asked | None:
    """Before an alias moves here from another version; a new one is not asked about."""
    held = DefinitionName.objects.select_related("definition").filter(
        org_id=definition.org_id, variant=definition.variant, name=name
    )
    holder = held.exclude(definition=None).exclude(definition=definition).first()
    if holder is None:
        return None
    question = Question(
        f"Move {name} from {holder.definition} to {definition}?",
        [
            f"{name} leads to {holder.definition} now. From the next call on, actions that are "
            f"handed in as {name} are judged by the contract of {definition} and go to "
            f"{_tell_default(definition)}.",
            f"What was accepted before stays with {holder.definition}.",
        ],
        "Move it",
        posted={"name": name, ABOUT: holder.definition_id},
    )
    return Asked(question, holder.definition)


def of_removal(definition: ActionDefinition, name: str) -> Asked | None:
    """Before an alias that this version has is gone."""
    if not definition.names.filter(name=name).exists():
        return None
    question = Question(
        f"Remove {name}?",
        [
            f"{name} leads to {definition} now. From the next call on it leads nowhere: what is "
            f"handed in as {name} {REFUSED}.",
            f"{definition.variant} itself stays, and so does what was accepted before.",
        ],
        "Remove it",
        is_grave=True,
        posted={"name": name, ABOUT: "yes"},
    )
    return Asked(question, definition)


def of_default(definition: ActionDefinition, destination_id: int) -> Asked | None:
    """Before new actions go somewhere else; None where they do not, or where it is not there."""
    to = Destination.objects.of_org(definition.org_id).filter(pk=destination_id).first()
    now = _find_default(definition)
    if to is None or to == now:
        return None
    told = [
        f"New actions of {definition} go to {_name(now)} now, and to {to.label} from the next one "
        f"on. {STAYS}"
    ]
    if to.paused_at is not None:
        told.append(f"{to.label} is paused: they queue up until it is resumed.")
    posted = {"destination": to.pk, "default": "1", ABOUT: now.pk if now else "sink"}
    title = f"Make {to.label} the default of {definition}?"
    return Asked(Question(title, told, "Make it the default", posted=posted))


def of_unlinking(definition: ActionDefinition, destination_id: int) -> Asked | None:
    """Before a link is gone; None where there is none."""
    links = definition.links.select_related("destination")
    link = links.filter(destination_id=destination_id).first()
    if link is None:
        return None
    told = "It is not the default: actions go on as they did."
    if link.is_default:
        told = (
            f"From the next action on, {definition} leads to {SINK}, until another destination is "
            "its default."
        )
    posted = {"destination": destination_id, ABOUT: "default" if link.is_default else "other"}
    title = f"Unlink {link.destination.label}?"
    return Asked(Question(title, [told, STAYS], "Unlink it", is_grave=True, posted=posted))


def of_deletion(definition: ActionDefinition) -> Asked:
    """Before a version is withdrawn."""
    told = [
        "It takes no new actions any more; its links go, its number stays used. Actions that were "
        "accepted before still finish."
    ]
    if names := list(definition.names.order_by("name").values_list("name", flat=True)):
        told.append(f"What is handed in as {', '.join(names)} {REFUSED}.")
    others = ActionDefinition.objects.of_org(definition.org_id).exclude(pk=definition.pk)
    newest = others.filter(variant=definition.variant).order_by("-version").first()
    left = f"leads to {newest} then" if newest else REFUSED
    told.append(f"What is handed in as {definition.variant}, without a version, {left}.")
    question = Question(
        f"Delete {definition}?",
        told,
        f"Delete {definition}",
        is_grave=True,
        posted={ABOUT: definition.version},
    )
    return Asked(question, definition)


def _find_default(definition: ActionDefinition) -> Destination | None:
    link = definition.links.select_related("destination").filter(is_default=True).first()
    return link.destination if link else None


def _tell_default(definition: ActionDefinition) -> str:
    return _name(_find_default(definition))


def _name(destination: Destination | None) -> str:
    return destination.label if destination else SINK
