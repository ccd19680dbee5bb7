"""What a key may call: the tools, each with the newest contract of its variant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import OuterRef, QuerySet, Subquery

from actions.models import ActionDefinition
from agents.contracts import InputSchema, show_contract
from agents.models import KeyTools, Tool
from orgs.auth import Caller

PAGE = 100
# An organization and a key of it.
Key = tuple[int, int]

# What a key's list of tools is made of, as one text; none where the key opens nothing any more. An
# organization's tools are read once, however many of its keys are asked for.
STATE = """
WITH asked AS MATERIALIZED (
  SELECT * FROM unnest(%(orgs)s::bigint[], %(keys)s::bigint[]) AS asked(org_id, key_id)
), marked AS MATERIALIZED (
  SELECT org.id AS org_id, (
    SELECT string_agg(concat_ws(' ', t.id, t.updated_at, newest.id, md5(newest.description),
                                newest.deprecated_at, newest.sunset_at), ','
                      ORDER BY t.id)
    FROM agents_tool t LEFT JOIN LATERAL (
      SELECT a.id, a.description, a.deprecated_at, a.sunset_at FROM actions_actiondefinition a
      WHERE a.org_id = t.org_id AND a.variant = t.variant AND a.deleted_at IS NULL
      ORDER BY a.version DESC LIMIT 1
    ) newest ON true
    WHERE t.org_id = org.id
  ) AS tools FROM (SELECT DISTINCT org_id AS id FROM asked) org
)
SELECT asked.org_id, asked.key_id, (
  SELECT md5(concat(
    (SELECT concat_ws(' ', c.updated_at, c.variants) FROM agents_keytools c WHERE c.key_id = k.id),
    marked.tools
  ))
  FROM orgs_apikey k
  JOIN orgs_membership m ON m.id = k.member_id AND m.deleted_at IS NULL
  JOIN orgs_organization o ON o.id = k.org_id AND o.deleted_at IS NULL
  JOIN orgs_user u ON u.id = m.user_id AND u.is_active
  WHERE k.id = asked.key_id AND k.deleted_at IS NULL
    AND (k.expires_at IS NULL OR k.expires_at > now())
)
FROM asked JOIN marked USING (org_id)
"""


@dataclass(frozen=True, slots=True)
class Offer:
    """A tool that can be called, and the contract that its arguments have to satisfy."""

    tool: Tool
    definition: ActionDefinition
    input: InputSchema


def offered(caller: Caller) -> QuerySet[Tool]:
    """The tools that the caller may call, by name, whatever their contracts are by now."""
    tools = Tool.objects.of_org(caller.org_id).filter(enabled=True).order_by("name")
    chosen = KeyTools.objects.filter(key_id=caller.key_id).values_list("variants", flat=True)
    for variants in chosen:
        tools = tools.filter(variant__in=variants)
    return tools


def list_offers(caller: Caller, after: str = "") -> tuple[list[Offer], str | None]:
    """One page of what can be called, and the name after which the next one begins."""
    tools = list(_with_newest(offered(caller).filter(name__gt=after))[: PAGE + 1])
    more = tools[PAGE - 1].name if len(tools) > PAGE else None
    return [offer for offer in _join(tools[:PAGE]) if not offer.input.problem], more


def find_offer(caller: Caller, name: str) -> Offer | None:
    """The tool of that name, if the caller may call it and its contract allows it."""
    offers = _join(_with_newest(offered(caller).filter(name=name)))
    return next((offer for offer in offers if not offer.input.problem), None)


def find_problems(tools: Sequence[Tool]) -> dict[int, str]:
    """For each tool, by its id, why agents do not see it although it is marked; empty else."""
    found = {tool.pk: "There is no live definition of this variant." for tool in tools}
    marked = _with_newest(Tool.objects.filter(pk__in=found))
    return found | {offer.tool.pk: offer.input.problem for offer in _join(marked)}


def find_states(keys: Sequence[Key]) -> dict[Key, str | None]:
    """What tells one state of a key's list from the next; None where the key is dead."""
    orgs, ids = zip(*keys, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(STATE, {"orgs": list(orgs), "keys": list(ids)})
        return {(org_id, key_id): state for org_id, key_id, state in cursor.fetchall()}


def _with_newest(tools: QuerySet[Tool]) -> QuerySet[Any]:
    versions = ActionDefinition.objects.live().filter(
        org_id=OuterRef("org_id"), variant=OuterRef("variant")
    )
    return tools.annotate(newest_id=Subquery(versions.order_by("-version").values("pk")[:1]))


def _join(tools: Any) -> list[Offer]:
    """The tools whose variant has a live definition, each with the newest."""
    marked = list(tools)
    newest = ActionDefinition.objects.in_bulk([tool.newest_id for tool in marked if tool.newest_id])
    return [
        Offer(tool, newest[tool.newest_id], show_contract(newest[tool.newest_id].schema))
        for tool in marked
        if tool.newest_id in newest
    ]
