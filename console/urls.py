"""The console's pages, all of them below /admin/, before the admin's own."""

from __future__ import annotations

from django.urls import URLPattern, path

from console import destinations, health, home, organizations
from console.definitions import changes, comparing, listing, versions, writing
from console.records import bulk, deciding, lists, one
from console.trying import views as trying

app_name = "console"
_DEFINITION = "definitions/<id:definition_id>/"
_TRY = "try/<id:definition_id>/"
urlpatterns: list[URLPattern] = [
    path("", home.home, name="home"),
    path("now/", home.home_now, name="home_now"),
    path("health/", health.list_health, name="health"),
    path("health/<id:destination_id>/", destinations.show, name="show_health"),
    path("health/<id:destination_id>/now/", destinations.show_now, name="health_now"),
    path("health/<id:destination_id>/pause/", destinations.pause, name="pause_destination"),
    path("health/<id:destination_id>/resume/", destinations.resume, name="resume_destination"),
    path("health/<id:destination_id>/test/", destinations.test, name="test_destination"),
    path("definitions/", listing.list_definitions, name="definitions"),
    path("definitions/new/", writing.write_new, name="new_definition"),
    path("definitions/judge/", writing.judge_draft, name="judge_contract"),
    path("definitions/review/", writing.review, name="review_definition"),
    path("definitions/publish/", writing.publish, name="publish_definition"),
    path(_DEFINITION, versions.show_version, name="definition"),
    path(f"{_DEFINITION}next/", writing.write_next, name="next_definition"),
    path(f"{_DEFINITION}compare/", comparing.compare_versions, name="compare_definitions"),
    path(f"{_DEFINITION}findings/", comparing.show_findings, name="compatibility"),
    path(f"{_DEFINITION}example/", versions.show_example, name="definition_example"),
    *(
        path(f"{_DEFINITION}{offer}/", versions.download, {"offer": offer}, name=f"as_{offer}")
        for offer in versions.OFFERS
    ),
    path(f"{_DEFINITION}alias/", changes.add_alias, name="add_alias"),
    path(f"{_DEFINITION}alias/remove/", changes.remove_alias, name="remove_alias"),
    path(f"{_DEFINITION}link/", changes.link, name="link_definition"),
    path(f"{_DEFINITION}unlink/", changes.unlink, name="unlink_definition"),
    path(f"{_DEFINITION}say/", changes.say, name="say_of_definition"),
    path(f"{_DEFINITION}delete/", changes.delete, name="delete_definition"),
    path("try/", listing.list_to_try, name="try"),
    path(_TRY, trying.try_definition, name="try_definition"),
    path(f"{_TRY}judge/", trying.judge_payload, name="judge_payload"),
    path(f"{_TRY}plan/", trying.plan, name="plan_action"),
    path(f"{_TRY}send/", trying.send, name="send_action"),
    path("organization/", organizations.switch_org, name="switch_org"),
    path("organization/choices/", organizations.offer_orgs, name="offer_orgs"),
    path("organization/leave/", organizations.leave_org, name="leave_org"),
    path("records/", lists.list_records, name="records"),
    path("records/bulk/", bulk.start_bulk, name="record_bulk"),
    path("records/<id:record_id>/", one.show_record, name="record"),
    path("records/<id:record_id>/timeline", one.show_timeline, name="record_timeline"),
    path(
        "records/<id:record_id>/attempts/<int:number>/request", one.show_sent, name="record_request"
    ),
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
