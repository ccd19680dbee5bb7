"""Which variants agents may call as tools, and which of them a key may."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from agents import schemas, serializers, services
from agents.models import Tool
from config import paging
from config.api import operation, reply
from config.openapi import page_of
from orgs.models import ApiKey
from orgs.scope import OrgView


class ToolsView(OrgView):
    """`/v1/orgs/{org_id}/tools`."""

    tag = "tools"

    @operation(
        summary="Mark a variant as a tool",
        description="Agents may call it from now on, over MCP at `/mcp/{org slug}`. A mark that is "
        "there is replaced; what is left out is as if it had never been said.",
        body=schemas.PUT_TOOL,
        data=schemas.TOOL,
        refuses=(409, 422),
        example={"variant": "send_email", "name": "send_email", "destructive": False},
    )
    def put(self, request: Request, org_id: int, body: dict[str, Any]) -> Response:
        """The tool."""
        texts = {name: body.get(name, unsaid) for name, unsaid in serializers.UNSAID.items()}
        tool = services.put_tool(
            org_id=org_id,
            variant=body["variant"],
            name=body.get("name", ""),
            texts=texts,
            actor=str(self.caller),
        )
        return reply(serializers.show_tool(tool))

    @operation(summary="List tools", data=page_of(schemas.TOOL), query=paging.PARAMETERS)
    def get(self, request: Request, org_id: int) -> Response:
        """The organization's tools, oldest first."""
        fields = {"id": "id", "variant": "variant", "name": "name"}
        page = paging.answer_page(
            request,
            Tool.objects.of_org(org_id),
            serializers.show_marked,
            fields=fields,
            read=serializers.judge_tools,
        )
        return reply(page)


class ToolView(OrgView):
    """`/v1/orgs/{org_id}/tools/{id}`."""

    tag = "tools"

    @operation(summary="Fetch a tool by id", data=schemas.TOOL)
    def get(self, request: Request, org_id: int, id: int) -> Response:
        """One tool."""
        return reply(serializers.show_tool(self.find_row(Tool.objects.all(), id)))

    @operation(
        summary="Remove a tool",
        description="Agents do not see the variant any more. Actions that it has started go on.",
        data=schemas.TOOL,
    )
    def delete(self, request: Request, org_id: int, id: int) -> Response:
        """The tool as it was."""
        tool = self.find_row(Tool.objects.all(), id)
        shown = serializers.show_tool(tool)
        services.delete_tool(tool=tool, actor=str(self.caller))
        return reply(shown)


class KeyToolsView(OrgView):
    """`/v1/orgs/{org_id}/keys/{id}/tools`."""

    tag = "tools"

    @operation(summary="Fetch what a key may call as tools", data=schemas.KEY_TOOLS)
    def get(self, request: Request, org_id: int, id: int) -> Response:
        """The key's choice of tools."""
        return reply(serializers.show_key_tools(self.find_row(ApiKey.objects.all(), id)))

    @operation(
        summary="Choose what a key may call as tools",
        description="Over MCP the key sees no other tools. What it may hand in by ingress stays.",
        body=schemas.PUT_KEY_TOOLS,
        data=schemas.KEY_TOOLS,
        example={"variants": ["send_email"]},
    )
    def put(self, request: Request, org_id: int, id: int, body: dict[str, Any]) -> Response:
        """The key's choice of tools."""
        key = self.find_row(ApiKey.objects.all(), id)
        services.choose_tools(
            key=key,
            variants=body["variants"],
            actor=str(self.caller),
            held=self.caller.permissions,
        )
        return reply(serializers.show_key_tools(key))

    @operation(summary="Let a key call all tools", data=schemas.KEY_TOOLS)
    def delete(self, request: Request, org_id: int, id: int) -> Response:
        """No choice any more."""
        key = self.find_row(ApiKey.objects.all(), id)
        services.choose_tools(
            key=key, variants=None, actor=str(self.caller), held=self.caller.permissions
        )
        return reply(serializers.show_key_tools(key))
