"""Marking variants as tools, and choosing those that a key may call."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from actions.models import ActionDefinition
from actions.services import lock_definitions
from agents import contracts
from agents.models import NAME_PATTERN, KeyTools, Tool
from config.errors import ConflictError, RuleError
from orgs import services as orgs
from orgs.models import ApiKey, Membership

logger = logging.getLogger(__name__)

MAX_TOOLS = 200
# The one tool that every server has: it tells what became of an action.
GET_ACTION = "get_action"
# What some clients allow, which is less than the protocol does.
DEFAULT_LENGTH = 64


def make_name(variant: str) -> str:
    """The name that a variant's tool has unless another one is given."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", variant)[:DEFAULT_LENGTH]


@transaction.atomic
def put_tool(
    *, org_id: int, variant: str, actor: str, name: str = "", texts: Mapping[str, Any]
) -> Tool:
    """The variant's mark as a tool, made or replaced; `texts` are its other columns.

    Refuses a variant without a live definition, and one whose newest contract is none for tools.
    """
    lock_definitions(org_id)
    _check_contract(org_id, variant)
    name = name or make_name(variant)
    _check_name(org_id, variant, name)
    if Tool.objects.of_org(org_id).exclude(variant=variant).count() >= MAX_TOOLS:
        raise RuleError(f"There are {MAX_TOOLS} tools.", code="TOO_MANY_TOOLS", pointer="/variant")
    fields = {"name": name, **texts, "updated_at": Now()}
    tool, made = Tool.objects.update_or_create(org_id=org_id, variant=variant, defaults=fields)
    tool.refresh_from_db()
    done = "marked as" if made else "changed as"
    logger.info("organization %s: %r is %s the tool %r by %s", org_id, variant, done, name, actor)
    return tool


def delete_tool(*, tool: Tool, actor: str) -> Tool:
    """The mark, which is gone: agents do not see the variant any more. Its actions stay."""
    Tool.objects.filter(pk=tool.pk).delete()
    logger.info("organization %s: the tool %r is removed by %s", tool.org_id, tool.name, actor)
    return tool


def choose_tools(
    *,
    key: ApiKey,
    variants: Sequence[str] | None,
    actor: str,
    held: Collection[str] | None = None,
) -> list[str] | None:
    """The variants that the key may call as tools from now on; None is all of them.

    One that is not marked, or not yet, may be chosen, too. `held` is what the caller may do, who
    chooses for no key that may do more; None: for anybody's.
    """
    orgs.check_key(key=key, held=held)
    if variants is None:
        KeyTools.objects.filter(key=key).delete()
        chosen = None
    else:
        chosen = list(dict.fromkeys(variants))
        fields = {"org_id": key.org_id, "variants": chosen, "updated_at": Now()}
        KeyTools.objects.update_or_create(key=key, defaults=fields)
    number = "all" if chosen is None else len(chosen)
    logger.info("organization %s: key %s may call %s tools by %s", key.org_id, key, number, actor)
    return chosen


@transaction.atomic
def rotate_key(
    *, key: ApiKey, grace: timedelta, by: Membership | None = None
) -> tuple[ApiKey, str]:
    """Another key in the place of this one, as `orgs.services` makes it, for the same tools."""
    made, material = orgs.rotate_key(key=key, grace=grace, by=by)
    chosen = KeyTools.objects.filter(key=key).first()
    if chosen is not None:
        KeyTools.objects.create(key=made, org_id=made.org_id, variants=chosen.variants)
    return made, material


def _check_contract(org_id: int, variant: str) -> None:
    definitions = ActionDefinition.objects.of_org(org_id).filter(variant=variant)
    newest = definitions.order_by("-version").first()
    if newest is None:
        raise RuleError(
            f"There is no action {variant!r}.", code="UNKNOWN_VARIANT", pointer="/variant"
        )
    problem = contracts.show_contract(newest.schema).problem
    if problem:
        raise RuleError(problem, code="UNSUITABLE_CONTRACT", pointer="/variant")


def _check_name(org_id: int, variant: str, name: str) -> None:
    if not re.fullmatch(NAME_PATTERN, name):
        raise RuleError(
            "A tool's name is 1 to 128 ASCII letters, digits, `_`, `-` and `.`.",
            code="INVALID_NAME",
            pointer="/name",
        )
    taken = Tool.objects.of_org(org_id).exclude(variant=variant).filter(name=name).first()
    if taken or name == GET_ACTION:
        owner = f"the tool of {taken.variant!r}" if taken else "a tool that every server has"
        raise ConflictError(f"{name!r} is {owner}.", code="NAME_TAKEN", pointer="/name")
