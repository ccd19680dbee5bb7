"""What every app's admin builds on: windows on facts, and forms whose saving is a service call.

Operators change things through the services, so that what holds in the API holds here, and
what a service refuses is shown at the input it speaks of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db import models, transaction
from django.forms.models import construct_instance
from django.http import Http404, HttpRequest
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.paginator import InfinitePaginator

from config.errors import ConflictError, DomainError, Fault, split_pointer
from orgs.reach import Narrowed

SHOWN_CHARACTERS = 100_000
# Of a table without an end, so many are paged through.
MOST_ROWS = 10_000
MAX_DIGITS = 19  # 10**18 and beyond may not fit a bigint


def badge(text: str, variant: str = "") -> SafeString:
    """A coloured label: success, danger, warning, info, primary or grey."""
    context = {"text": text, "type": variant, "class": "waybill-badge"}
    return render_to_string("unfold/helpers/label.html", context)


def pretty(value: Any) -> SafeString:
    """JSON as a person reads it, cut where it is endless."""
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    if len(text) > SHOWN_CHARACTERS:
        text = f"{text[:SHOWN_CHARACTERS]}\n… {len(text):,} characters in all; the API gives them."
    return format_html('<pre class="waybill-json">{}</pre>', text)


def tag_badges(tags: dict[str, str] | None) -> SafeString | str:
    """Tags as grey labels."""
    text = " ".join(f"{key}={value}" for key, value in sorted((tags or {}).items()))
    return format_html('<span class="waybill-tags">{}</span>', text) if text else "-"


def is_row_id(text: str) -> bool:
    """Whether a text is a row's id."""
    return text.isascii() and text.isdigit() and len(text) < MAX_DIGITS


def find_row(admin_: Narrowed, request: HttpRequest, object_id: str) -> Any:
    """The row that a button is about; 404 where it has gone, or never was."""
    row = admin_.get_object(request, unquote(object_id))
    if row is None:
        raise Http404
    return row


def dialog(title: str, description: str, submit: str) -> dict[str, Any]:
    """Unfold asks with it, so that what a button does comes by POST."""
    return {
        "title": title,
        "description": description,
        "form_class": None,
        "form_submit_text": submit,
    }


class Window:
    """Facts, to be looked at only: a mixin for admins and inlines."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody writes facts."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody rewrites facts."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Facts stay."""
        return False


class BoundedPaginator(InfinitePaginator):
    """Pages of a table that nobody counts, up to a bound: each is found by passing those before."""

    template_name = "admin/pages.html"

    @cached_property
    def count(self) -> int:
        """How many are paged through, whether there are as many or not."""
        return MOST_ROWS


class LongTable(Narrowed):
    """An admin of a table that has no end: nothing counts it, sorts it or selects all of it."""

    list_per_page = 50
    list_disable_select_all = True
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    ordering: tuple[str, ...] = ("-id",)
    sortable_by = ()

    def get_paginator(
        self, request: HttpRequest, queryset: models.QuerySet, per_page: int, **kwargs: Any
    ) -> Paginator:
        """Pages without a number of them; a row's history is short and keeps its own."""
        paginator = BoundedPaginator if queryset.model is self.model else Paginator
        return paginator(queryset, per_page, **kwargs)


class LiveFilter(admin.SimpleListFilter):
    """Live rows, unless deleted ones are asked for."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """What can be asked for besides the live rows."""
        return [("deleted", "Deleted"), ("all", "All")]

    def choices(self, changelist: Any) -> Iterator[Any]:
        """The choices, the first of which is what one sees unasked."""
        first, *others = super().choices(changelist)
        yield {**first, "display": "Live"}
        yield from others

    def queryset(self, request: HttpRequest, queryset: models.QuerySet) -> models.QuerySet:
        """The rows in the state asked for."""
        if self.value() == "all":
            return queryset
        return queryset.filter(deleted_at__isnull=self.value() != "deleted")


class ServiceForm(forms.ModelForm):
    """A form whose saving is a service call; `refusal` is what the service said no with."""

    refusal: DomainError | None = None
    # What the API calls by another name than the form.
    field_names: Mapping[str, str] = {}

    def clean(self) -> dict[str, Any] | None:
        """The input, with what the service refused of it."""
        cleaned = super().clean()
        if self.refusal:
            self.add_faults(self.refusal.faults)
        return cleaned

    def add_faults(self, faults: Sequence[Fault]) -> None:
        """Show each fault at the field its pointer leads to."""
        for fault in faults:
            name, *path = split_pointer(fault.pointer) or [""]
            name = self.field_names.get(name, name)
            field = self.fields.get(name)
            at = f" (at {fault.pointer})" if path else ""
            self.add_error(name if field else None, f"{fault.message}{at}")
            mark = getattr(field, "mark", None)
            if mark:
                mark(path, fault.message)

    def _post_clean(self) -> None:
        """Fill the row and check its columns; what has to be unique is the service's to say."""
        self.instance = construct_instance(self, self.instance, self._meta.fields)
        try:
            exclude = self._get_validation_exclusions()  # type: ignore[attr-defined]
            self.instance.clean_fields(exclude=exclude)
        except ValidationError as error:
            self._update_errors(error)  # type: ignore[attr-defined]


# Unfold's admin is one of these and has no types, with which Django's would not agree.
_DjangoAdmin: Any = admin.ModelAdmin


class Wrapped(_DjangoAdmin):
    """An admin that says whether a transaction is around all of a save, as Django has it."""

    # Not where the service waits for something, and has a transaction of its own afterwards.
    saves_in_transaction = True

    def saves_in_transaction_of(self, object_id: str | None) -> bool:
        """The same for a row, or, without an id, for a new one."""
        return self.saves_in_transaction

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """The form, saved or shown."""
        if self.saves_in_transaction_of(object_id):
            return super().changeform_view(request, object_id, form_url, extra_context)
        return self._changeform_view(request, object_id, form_url, extra_context)


# In this order, what Unfold adds to the view stays, and only Django's part of it is replaced.
class SavedByService(Narrowed, Wrapped):
    """An admin whose `save_model` calls a service. Its form is a `ServiceForm`.

    A refusal has undone the transaction by the time it arrives here; the form is then shown
    once more, with the refusal in it. A deleted row is a window.
    """

    # What stands on the page of a row that its viewer may not change, if that is another page.
    shown_fieldsets: tuple[Any, ...] = ()

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """The form, saved or shown with what is wrong."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except DomainError as error:
            request.refusal = error  # type: ignore[attr-defined]
            return super().changeform_view(request, *args, **kwargs)

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """The form, which knows what was refused."""
        form = super().get_form(request, *args, **kwargs)
        form.refusal = getattr(request, "refusal", None)
        return form

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """The form, or, where nothing may be changed, what there is."""
        if obj and self.shown_fieldsets and not self.has_change_permission(request, obj):
            return self.keep_fields(request, self.shown_fieldsets)
        return super().get_fieldsets(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only what lives can be changed."""
        return bool(super().has_change_permission(request, obj)) and is_live(obj)


class SoftlyDeleted(Narrowed):
    """An admin whose rows a service deletes, softly: `delete_row` calls it."""

    delete_note = ""
    can_force = True

    def delete_row(self, request: HttpRequest, row: Any, *, force: bool) -> None:
        """Call the service."""
        raise TypeError(f"{type(self).__name__} names no service.")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only what lives can be deleted."""
        return bool(super().has_delete_permission(request, obj)) and is_live(obj)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Asks, then deletes; a conflict is shown with the way to force it."""
        row = self.get_object(request, unquote(object_id))
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_delete_permission(request, row):
            raise PermissionDenied
        refusal = None
        if request.method == "POST":
            refusal = self._delete(request, row)
            if refusal is None:
                return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        context = {
            **self.admin_site.each_context(request),
            "title": f"Delete {row}",
            "opts": self.opts,
            "object": row,
            "note": self.delete_note,
            "refusal": refusal,
            "can_force": self.can_force and isinstance(refusal, ConflictError),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/delete_row.html", context)

    def _delete(self, request: HttpRequest, row: Any) -> DomainError | None:
        try:
            with transaction.atomic():
                self.delete_row(request, row, force="force" in request.POST)
                self.log_deletions(request, self.model.objects.filter(pk=row.pk))
        except DomainError as error:
            return error
        self.message_user(request, f"{row} is deleted.", messages.SUCCESS)
        return None


def is_live(row: Any) -> bool:
    """Whether a row is not deleted; of no row in particular, too."""
    return getattr(row, "deleted_at", None) is None
