"""What every admin keeps to: the rows of the organization that its viewer looks at, no others.

Lists, forms, filters and the choices that fields offer are narrowed here, once for all of them. Who
looks at one organization is neither asked nor told which one it is.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.contrib.filters.forms import AutocompleteDropdownForm

from orgs.models import Organization
from orgs.viewers import Viewer, viewer_of

# What is said of a row's organization where it may be one of several.
ORG = "org"


def narrow(viewer: Viewer, rows: models.QuerySet) -> models.QuerySet:
    """Of a model's rows, those in the viewer's reach, as its admin says where that ends."""
    found = admin.site._registry.get(rows.model)
    path = getattr(found, "org_path", None)
    if path is not None:
        return viewer.narrow(rows, path)
    return rows if viewer.is_staff else rows.none()


class TheirOrg(forms.ModelChoiceField):
    """The organization that is looked at: nobody is asked for it, and no other is taken."""

    def __init__(self, org: Organization) -> None:
        rows = Organization.objects.filter(pk=org.pk)
        super().__init__(rows, required=False, widget=forms.HiddenInput)
        self.org = org

    def prepare_value(self, value: Any) -> Any:
        """It, whatever a query says."""
        return self.org.pk

    def clean(self, value: Any) -> Organization:
        """It; an error where another was posted."""
        super().clean(value)
        return self.org

    def has_changed(self, initial: Any, data: Any) -> bool:
        """It is a choice of nobody's."""
        return False


def narrow_form(form: Any, viewer: Viewer) -> None:
    """Have the fields of a form, made for one request, offer only what is in reach."""
    for name, field in form.base_fields.items():
        if name == ORG and viewer.org is not None:
            form.base_fields[name] = TheirOrg(viewer.org)
        elif isinstance(field, forms.ModelChoiceField) and field.queryset is not None:
            # Fields that a form declares are those of all requests.
            mine = form.base_fields[name] = copy.deepcopy(field)
            mine.queryset = narrow(viewer, field.queryset)


def without_org(names: Iterable[Any]) -> tuple[Any, ...]:
    """The names of columns or fields without the organization, also in the lines of a form."""
    kept = (
        without_org(one) if isinstance(one, tuple | list) else one for one in names if one != ORG
    )
    return tuple(one for one in kept if one != ())


class Narrowed(ModelAdmin):
    """An admin whose rows are in its viewer's reach; `org_path` leads to their organization.

    None: they are of no organization, and only staff see them.
    """

    org_path: str | None = "org_id"

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """The list, narrowed by what columns can hold: no text of a row has a NUL."""
        asked = request.GET.copy()
        for name, values in request.GET.lists():
            asked.setlist(name, [value.replace("\0", "") for value in values])
        request.GET = asked  # type: ignore[assignment]
        return super().changelist_view(request, extra_context)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        """The rows in reach: for lists, pages, buttons, and fields elsewhere that offer them."""
        return narrow(viewer_of(request), super().get_queryset(request))

    def get_field_queryset(self, db: Any, db_field: Any, request: HttpRequest) -> Any:
        """What a field offers, as far as it is in reach."""
        offered = super().get_field_queryset(db, db_field, request)
        if offered is None:
            offered = db_field.remote_field.model._default_manager.using(db)
        return narrow(viewer_of(request), offered.all())

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """The form, which offers what is in reach."""
        form = super().get_form(request, *args, **kwargs)
        narrow_form(form, viewer_of(request))
        return form

    def get_list_display(self, request: HttpRequest) -> Any:
        """The columns; where all rows are of one organization, it is none."""
        columns = super().get_list_display(request)
        return without_org(columns) if viewer_of(request).org else columns

    def get_list_filter(self, request: HttpRequest) -> Any:
        """The filters; by organization only where there are several."""
        filters = super().get_list_filter(request)
        if viewer_of(request).org is None:
            return filters
        return tuple(one for one in filters if not isinstance(one, tuple) or one[0] != ORG)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """What stands on the page; a row's organization only where there are several."""
        sections = super().get_fieldsets(request, obj)
        return sections if obj is None else self.keep_fields(request, sections)

    def keep_fields(self, request: HttpRequest, sections: Any) -> Any:
        """The sections of a row's page, without the organization where all rows are of one."""
        if viewer_of(request).org is None:
            return sections
        return [
            (title, {**section, "fields": without_org(section["fields"])})
            for title, section in sections
        ]


class _Dropdown(AutocompleteDropdownForm):
    """Unfold's; it names no row that is out of reach, whatever the address says."""

    def __init__(self, request: HttpRequest, name: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, name, *args, **kwargs)
        field = self.fields[name]
        field.queryset = narrow(viewer_of(request), field.queryset.all())


class RowFilter(AutocompleteSelectFilter):
    """A filter by a row in reach, which is searched for."""

    form_class = _Dropdown
