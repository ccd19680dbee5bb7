"""What is given to those who send or take a definition's payloads: examples, types, a page."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpResponse, HttpResponseNotModified
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from actions import schemas, services
from actions.consumers import offers
from actions.models import ActionDefinition
from config import paging
from config.api import operation, reply
from orgs.scope import OrgView

TYPESCRIPT = "application/typescript"
PYTHON = "text/x-python"
MARKDOWN = "text/markdown"
TEXT = {"type": "string"}
TAGGED = " With its `ETag` in `If-None-Match`, the answer is 304 for as long as it is the same."
TAKE = OpenApiParameter(
    "take",
    {
        "type": "integer",
        "minimum": 1,
        "maximum": paging.MAX_TAKE,
        "default": offers.TAKEN,
    },
    description="How many of each at the most.",
)


class OfferView(OrgView):
    """Something that is written from a definition, and the same until that changes."""

    tag = "actions"

    def find_definition(self, id: int) -> ActionDefinition:
        """The definition `with_links`."""
        rows = services.with_links(ActionDefinition.objects.all())
        definition: ActionDefinition = self.find_row(rows, id)
        return definition

    def answer(
        self, request: Request, tag: str, write: Callable[[], tuple[HttpResponseBase, bool]]
    ) -> HttpResponseBase:
        """What is written, with its tag if it is whole, or 304 to who has it."""
        etag = f'"{tag}"'
        known = request.headers.get("If-None-Match")
        if known and known_as(etag, known):
            response: HttpResponseBase = HttpResponseNotModified()
            is_whole = True
        else:
            response, is_whole = write()
        if is_whole:
            response["ETag"] = etag
        return response

    def answer_types(
        self,
        request: Request,
        id: int,
        make: Callable[[ActionDefinition], str],
        media_type: str,
    ) -> HttpResponseBase:
        """The types of a definition, in one language."""
        definition = self.find_definition(id)
        tag = offers.tag_of(definition)
        return self.answer(request, tag, lambda: (text(make(definition), media_type), True))


def known_as(etag: str, known: str) -> bool:
    """Whether an `If-None-Match` names the tag, be it weakly, as proxies make it."""
    named = {one.strip().removeprefix("W/") for one in known.split(",")}
    return bool(named & {etag, "*"})


class ExamplesView(OfferView):
    """`/v1/orgs/{org_id}/actions/definitions/{id}/examples`."""

    @operation(
        summary="Fetch example payloads of an action definition",
        description="Payloads that its contract accepts, edge cases included, and such that it "
        "refuses, with their faults; each is judged by the contract. They are the same each time."
        + TAGGED,
        data=schemas.EXAMPLES,
        query=[TAKE],
    )
    def get(self, request: Request, org_id: int, id: int) -> HttpResponseBase:
        """The examples."""
        definition = self.find_definition(id)
        take = paging.read_integer(
            request, "take", default=offers.TAKEN, least=1, most=paging.MAX_TAKE
        )

        def write() -> tuple[HttpResponseBase, bool]:
            told = offers.make_examples(definition, take)
            return reply(told), told["complete"]

        return self.answer(request, f"{offers.tag_of(definition)}-{take}", write)


class TypeScriptView(OfferView):
    """`/v1/orgs/{org_id}/actions/definitions/{id}/typescript`."""

    @operation(
        summary="Fetch the TypeScript types of an action definition",
        description="A module of types that take every payload that the contract takes." + TAGGED,
        data=TEXT,
        media_type=TYPESCRIPT,
    )
    def get(self, request: Request, org_id: int, id: int) -> HttpResponseBase:
        """The module."""
        return self.answer_types(request, id, offers.make_typescript, TYPESCRIPT)


class PythonView(OfferView):
    """`/v1/orgs/{org_id}/actions/definitions/{id}/python`."""

    @operation(
        summary="Fetch the Python types of an action definition",
        description="A module of typed dictionaries, which needs nothing but Python 3.11. 422 "
        "`TYPES_UNAVAILABLE` where the contract is too intricate for them." + TAGGED,
        data=TEXT,
        media_type=PYTHON,
        refuses=(422,),
    )
    def get(self, request: Request, org_id: int, id: int) -> HttpResponseBase:
        """The module."""
        return self.answer_types(request, id, offers.make_python, PYTHON)


class MarkdownView(OfferView):
    """`/v1/orgs/{org_id}/actions/definitions/{id}/markdown`."""

    @operation(
        summary="Fetch the documentation of an action definition",
        description="A page of Markdown for people: versions, properties, an example, and how to "
        "send it. Where no example is made soon, it says so, and is without. What tenants wrote "
        "stands in it as text, without markup." + TAGGED,
        data=TEXT,
        media_type=MARKDOWN,
    )
    def get(self, request: Request, org_id: int, id: int) -> HttpResponseBase:
        """The page."""
        draft = offers.draft_page(self.find_definition(id))

        def write() -> tuple[HttpResponseBase, bool]:
            page = draft.finish()
            return text(page.text, MARKDOWN), page.is_whole

        return self.answer(request, draft.tag, write)


def text(written: str, media_type: str) -> HttpResponse:
    """An answer that is not JSON."""
    return HttpResponse(written, content_type=f"{media_type}; charset=utf-8")
