"""Action definitions in the admin."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import orjson
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.decorators import action

from actions import services
from actions.consumer_admin import OFFERS, OffersAdmin
from actions.forms import DefinitionForm, LinkForm, LinkFormSet, PublishForm
from actions.models import ActionDefinition, DefinitionDestination
from actions.services import MOMENTS, POLICY
from orgs.models import Permission
from orgs.reach import RowFilter
from orgs.windows import LiveFilter, SavedByService, SoftlyDeleted, badge, is_row_id, pretty

# Who approves actions may let them go without approval: the permission of `dispatch`.
APPROVE = "dispatch.approve_actionrecord"


class LinkInline(TabularInline):
    """Where a definition's actions may go."""

    model = DefinitionDestination
    form = LinkForm
    formset = LinkFormSet
    extra = 0
    hide_title = True
    verbose_name = "destination"
    verbose_name_plural = "destinations"

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Chosen here, made and changed on its own page."""
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        field.widget.can_add_related = False
        field.widget.can_change_related = False
        field.widget.can_delete_related = False
        return field


class DefinitionAdmin(OffersAdmin, SavedByService, SoftlyDeleted):
    """Contracts. A version is published once; its aliases and links may change."""

    form = DefinitionForm
    inlines = (LinkInline,)
    actions_detail = ("publish_next", OFFERS)
    delete_note = (
        "It takes no new actions any more; its aliases and links go, its version number stays "
        "used. Actions that were accepted before still finish."
    )
    list_display = ("variant", "shown_version", "aliases", "leads_to", "org", "state", "created_at")
    list_filter = (LiveFilter, ("org", RowFilter))
    list_select_related = ("org",)
    search_fields = ("variant", "description", "names__name")
    autocomplete_fields = ("org",)
    ordering = ("variant", "-version")
    show_facets = admin.ShowFacets.NEVER
    add_fieldsets = (
        (
            None,
            {"fields": ("org", "variant", "version", "description", "alias", "requires_approval")},
        ),
        ("Compatibility", {"fields": (*POLICY, "allow_indeterminate")}),
        ("Contract", {"fields": ("schema",)}),
    )
    fieldsets = (
        (
            None,
            {"fields": ("org", "variant", "version", "description", "alias", "requires_approval")},
        ),
        ("Compatibility", {"fields": POLICY}),
        ("Deprecation", {"fields": MOMENTS}),
        ("Contract", {"fields": ("shown_schema", "digest")}),
        ("Facts", {"fields": ("id", "created_at", "updated_at")}),
    )
    shown_fieldsets = (
        (
            None,
            {
                "fields": (
                    "org",
                    "variant",
                    "version",
                    "description",
                    "aliases",
                    "requires_approval",
                )
            },
        ),
        *fieldsets[1:-1],
        ("Facts", {"fields": ("id", "created_at", "updated_at", "deleted_at")}),
    )

    @admin.display(description="version", ordering="version")
    def shown_version(self, definition: ActionDefinition) -> SafeString:
        """The version as a label."""
        return badge(f"v{definition.version}", "primary")

    @admin.display(description="aliases")
    def aliases(self, definition: ActionDefinition) -> str:
        """The aliases, if any."""
        return ", ".join(name.name for name in definition.names.all()) or "-"

    @admin.display(description="leads to")
    def leads_to(self, definition: ActionDefinition) -> SafeString | str:
        """Its destinations, the default one in colour."""
        links = sorted(definition.links.all(), key=lambda link: not link.is_default)
        shown = [
            (badge(str(link.destination), "success" if link.is_default else ""),) for link in links
        ]
        return format_html_join(" ", "{}", shown) or "-"

    @admin.display(description="schema")
    def shown_schema(self, definition: ActionDefinition) -> SafeString:
        """The contract, readable."""
        return pretty(definition.read_schema())

    @admin.display(description="sha256")
    def digest(self, definition: ActionDefinition) -> str:
        """What tells two contracts apart, whatever the order of their keys."""
        return bytes(definition.schema_digest).hex()

    @admin.display(description="state")
    def state(self, definition: ActionDefinition) -> SafeString:
        """Whether it is deleted, or to be used no more."""
        if definition.deleted_at:
            return badge("deleted")
        if definition.deprecated_at or definition.sunset_at:
            return badge("deprecated", "warning")
        return badge("live", "success")

    def has_publish_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may add a definition. unfold would look a dotted permission up in the database
        before there are tables in it."""
        return bool(self.has_add_permission(request))

    @action(  # type: ignore[untyped-decorator]
        description="Publish the next version",
        permissions=["publish"],
        icon="add",
    )
    def publish_next(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The form of a new version that starts from this one."""
        query = urlencode({"from": object_id})
        return redirect(f"{reverse('admin:actions_actiondefinition_add')}?{query}")

    def saves_in_transaction_of(self, object_id: str | None) -> bool:
        """A new version is judged beside others, which takes its time."""
        return object_id is not None

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """With aliases and links, in two queries more for any number."""
        rows: QuerySet = services.with_links(super().get_queryset(request))
        return rows

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """The row with its variant's policy, which saving the form says again."""
        found = super().get_object(request, object_id, from_field)
        if found is not None:
            for name in POLICY:
                setattr(found, name, getattr(found, f"variant_{name}"))
        return found

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """What a published version is stays."""
        facts = ("id", "shown_schema", "digest", "created_at", "updated_at")
        return (*facts, "org", "variant", "version") if obj else facts

    def get_inlines(self, request: HttpRequest, obj: Any) -> tuple[type, ...]:
        """Links, once there is something to link."""
        return self.inlines if obj and obj.deleted_at is None else ()

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """A form to publish with, or one to change what may change."""
        form = DefinitionForm if obj else PublishForm
        return super().get_form(request, obj, form=form, **kwargs)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """The definition that a new version starts from."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        asked = request.GET.get("from", "")
        rows = self.get_queryset(request)
        known = rows.filter(pk=asked).first() if is_row_id(asked) else None
        if known is None:
            return initial
        schema = orjson.dumps(known.read_schema(), option=orjson.OPT_INDENT_2).decode()
        return {
            "org": known.org_id,
            "variant": known.variant,
            "description": known.description,
            "requires_approval": known.requires_approval,
            "compatibility": known.variant_compatibility,
            "open_content": known.variant_open_content,
            "schema": schema,
        }

    def save_model(
        self, request: HttpRequest, obj: ActionDefinition, form: DefinitionForm, change: Any
    ) -> None:
        """Publish a version, or change its names."""
        values = form.cleaned_data
        if change:
            services.update_definition(
                definition=obj,
                alias=values["alias"],
                description=values["description"],
                requires_approval=values["requires_approval"],
                compatibility=values["compatibility"] or None,
                open_content=values["open_content"] or None,
                deprecated_at=values["deprecated_at"],
                sunset_at=values["sunset_at"],
                held=_held(request),
            )
        else:
            self._publish(request, obj, values)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: Any) -> None:
        """Link and unlink as ticked."""
        links = formset.save(commit=False)
        for link in formset.deleted_objects:
            services.unlink_destination(
                definition=form.instance, destination_id=link.destination_id
            )
        for link in links:
            services.link_destination(
                definition=form.instance,
                destination_id=link.destination_id,
                is_default=link.is_default,
            )

    def delete_row(self, request: HttpRequest, row: ActionDefinition, *, force: bool) -> None:
        """Withdraw this version."""
        services.delete_definition(definition=row)

    def _publish(self, request: HttpRequest, obj: ActionDefinition, values: dict[str, Any]) -> None:
        versions = ActionDefinition.objects.of_org(obj.org_id).filter(variant=obj.variant)
        known = set(versions.values_list("pk", flat=True))
        made = services.put_definition(
            org_id=obj.org_id,
            variant=values["variant"],
            schema=values["schema"],
            version=values["version"],
            alias=values["alias"] or None,
            description=values["description"] or None,
            # Not ticked, it stays as it is for the other versions.
            requires_approval=values["requires_approval"] or None,
            compatibility=values["compatibility"] or None,
            open_content=values["open_content"] or None,
            allow_indeterminate=values["allow_indeterminate"],
            held=_held(request),
        )
        if made.pk in known:
            text = f"{made} holds this very schema already: no version was added."
            self.message_user(request, text, messages.WARNING)
        obj.pk = made.pk
        obj.refresh_from_db()


def _held(request: HttpRequest) -> tuple[Permission, ...]:
    """Who may approve may let actions go without it."""
    return (Permission.ADMIN,) if request.user.has_perm(APPROVE) else ()
