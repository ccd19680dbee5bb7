"""The console's pages, all of them below /admin/, before the admin's own."""

from __future__ import annotations

from django.urls import URLPattern, path

from console import organizations
from console.records import bulk, deciding, lists, one

app_name = "console"
urlpatterns: list[URLPattern] = [
    path("organization/", organizations.switch_org, name="switch_org"),
    path("organization/choices/", organizations.offer_orgs, name="offer_orgs"),
    path("organization/leave/", organizations.leave_org, name="leave_org"),
    path("records/", lists.list_records, name="records"),
    path("records/bulk/", bulk.start_bulk, name="record_bulk"),
    path("records/<id:record_id>/", one.show_record, name="record"),
    path("records/<id:record_id>/timeline", one.show_timeline, name="record_timeline"),
    path("records/<id:record_id>/input.json", one.download, {"part": "input"}, name="record_input"),
    path(
        "records/<id:record_id>/result.json", one.download, {"part": "result"}, name="record_result"
    ),
    *(
        path(
            f"records/<id:record_id>/{verb}/",
            deciding.decide,
            {"verb": verb},
            name=f"record_{verb}",
        )
        for verb in deciding.DECISIONS
    ),
]
