"""Tools in the admin: which variants agents may call, and which of them a key may."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminExpandableTextareaWidget, UnfoldAdminTextInputWidget

from agents import catalog, services
from agents.key_admin import RotatedKeyAdmin
from agents.models import MAX_NAME, KeyTools, Tool
from agents.schemas import PUT_KEY_TOOLS
from agents.serializers import UNSAID
from destinations.admin.forms import DrawnJSONField
from orgs.models import ApiKey
from orgs.reach import RowFilter
from orgs.viewers import viewer_of
from orgs.windows import SavedByService, ServiceForm, SoftlyDeleted, badge


class ToolForm(ServiceForm):
    """A mark, and what clients are told of the tool."""

    name = forms.CharField(
        max_length=MAX_NAME,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="What agents call it. Empty: the variant, with _ for what is not allowed in it.",
    )
    description = forms.CharField(
        max_length=10_000,
        required=False,
        widget=UnfoldAdminExpandableTextareaWidget,
        help_text="What models read. Empty: the description of the definition.",
    )

    class Meta:
        model = Tool
        fields = ("org", "variant", "name", *UNSAID)


@admin.register(Tool)
class ToolAdmin(SavedByService, SoftlyDeleted):
    """Variants that agents may call. What is not listed here they do not see."""

    form = ToolForm
    can_force = False
    delete_note = "Agents do not see it any more. Actions that it has started go on."
    list_display = ("name", "variant", "hints", "state", "org", "updated_at")
    list_filter = ("enabled", ("org", RowFilter))
    list_select_related = ("org",)
    search_fields = ("name", "variant", "title", "description")
    autocomplete_fields = ("org",)
    ordering = ("name",)
    add_fieldsets = fieldsets = (
        (None, {"fields": ("org", "variant", "name", "enabled")}),
        ("For people and models", {"fields": ("title", "description")}),
        ("Hints", {"fields": ("read_only", "destructive", "idempotent")}),
    )

    @admin.display(description="hints")
    def hints(self, tool: Tool) -> str:
        """What clients are told of it."""
        said = {
            "read-only": tool.read_only,
            "destructive": tool.destructive and not tool.read_only,
            "idempotent": tool.idempotent,
        }
        return ", ".join(name for name, is_so in said.items() if is_so) or "-"

    @admin.display(description="state")
    def state(self, tool: Any) -> SafeString:
        """Whether agents see it, and why not, as was found for the page."""
        if not tool.enabled:
            return badge("off")
        if not tool.problem:
            return badge("offered", "success")
        return format_html("{} <small>{}</small>", badge("not offered", "warning"), tool.problem)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The page, its tools judged in two queries for any number."""
        changelist = super().get_changelist_instance(request)
        tools = list(changelist.result_list)
        problems = catalog.find_problems(tools)
        for tool in tools:
            tool.problem = problems[tool.pk]
        changelist.result_list = tools
        return changelist

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """A mark stays with its variant."""
        return ("org", "variant") if obj else ()

    def save_model(self, request: HttpRequest, obj: Tool, form: ToolForm, change: Any) -> None:
        """Mark the variant."""
        made = services.put_tool(
            org_id=obj.org_id,
            variant=obj.variant,
            name=obj.name,
            texts={name: getattr(obj, name) for name in UNSAID},
            actor=request.user.get_username(),
        )
        obj.pk = made.pk
        obj.refresh_from_db()

    def delete_row(self, request: HttpRequest, row: Tool, *, force: bool) -> None:
        """Remove the mark."""
        services.delete_tool(tool=row, actor=request.user.get_username())


class KeyToolsForm(ServiceForm):
    """The variants that a key may call as tools."""

    variants = DrawnJSONField(
        schema=PUT_KEY_TOOLS["properties"]["variants"],
        required=False,
        help_text="Over MCP the key sees no other tools. None at all is a choice, too.",
    )

    class Meta:
        model = KeyTools
        fields = ("key", "variants")

    def clean_variants(self) -> list[str]:
        """The variants; a form without any is an empty choice."""
        return self.cleaned_data["variants"] or []


@admin.register(KeyTools)
class KeyToolsAdmin(SavedByService, SoftlyDeleted):
    """Keys that may not call all tools. A key that is not listed here may."""

    form = KeyToolsForm
    can_force = False
    delete_note = "The key may call all tools of its organization then."
    list_display = ("key", "shown_variants", "updated_at")
    list_select_related = ("key",)
    search_fields = ("key__description", "key__prefix")
    autocomplete_fields = ("key",)
    fields = ("key", "variants")

    @admin.display(description="variants")
    def shown_variants(self, chosen: KeyTools) -> str:
        """The variants, if any."""
        return ", ".join(chosen.variants) or "none"

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """Those of live keys."""
        rows: QuerySet = super().get_queryset(request)
        return rows.filter(key__deleted_at=None)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """A choice stays with its key."""
        return ("key",) if obj else ()

    def save_model(
        self, request: HttpRequest, obj: KeyTools, form: KeyToolsForm, change: Any
    ) -> None:
        """Choose."""
        services.choose_tools(
            key=obj.key,
            variants=form.cleaned_data["variants"],
            actor=request.user.get_username(),
            held=viewer_of(request).limit,
        )
        obj.refresh_from_db()

    def delete_row(self, request: HttpRequest, row: KeyTools, *, force: bool) -> None:
        """Let the key call all tools."""
        services.choose_tools(
            key=row.key,
            variants=None,
            actor=request.user.get_username(),
            held=viewer_of(request).limit,
        )


admin.site.register(ApiKey, RotatedKeyAdmin)
