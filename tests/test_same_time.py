"""What another organization has takes as long as what there is not: by its statements, which do
not depend on the machine, and by the clock."""

from __future__ import annotations

import re
import statistics
import time
from contextlib import contextmanager

import pytest
from django.db import connection

from gateway.models import GatewayAction
from tests import factories
from tests.agents.agent import Agent
from tests.gateway.client import PREFIX, Gateway
from tests.routes import GATEWAY_ROUTES, ROUTES

pytestmark = pytest.mark.usefixtures("walked")

NOBODYS = 10**15
# Medians of so many pairs. What a further statement takes is less than the machine may add: that
# is what the statements are compared for.
PAIRS = 40
AT_MOST = 1.5
TRIES = 5
org_routes = pytest.mark.parametrize(
    "route", [route for route in ROUTES if "{org_id}" in route.path], ids=str
)
row_routes = pytest.mark.parametrize(
    "route", [route for route in ROUTES if route.names_rows], ids=str
)
named = pytest.mark.parametrize(
    "route", [route for route in GATEWAY_ROUTES if "{name}" in route.path], ids=str
)
HOOK = {"label": "new", "type": "webhook", "config": {"url": "https://example.com/hook"}}
# Bodies that name rows: method, path, word of the row, and the body for its id.
BODIES = [
    ("PUT", "~/destinations", "credentials", lambda row: HOOK | {"credential_id": row}),
    ("PUT", "~/destinations", "signing-keys", lambda row: HOOK | {"signing_key_id": row}),
    ("POST", "~/destinations/{destinations}", "credentials", lambda row: {"credential_id": row}),
    ("POST", "/v1/ack", "records", lambda row: {"action_record_id": row, "attempt": 0}),
    ("POST", "/v1/nack", "records", lambda row: {"action_record_id": row, "attempt": 0}),
    (
        "POST",
        "/v1/modack",
        "records",
        lambda row: {"action_record_id": row, "attempt": 0, "seconds": 60},
    ),
    ("POST", "/v1/ingress", "ingress", lambda row: {"variant": row, "input": {}}),
]


def nobodys(row):
    """What looks like it, and is nobody's."""
    return NOBODYS if isinstance(row, int) else f"no-{row}"


@contextmanager
def statements():
    """The statements of the database meanwhile, without their values."""
    seen = []

    def note(execute, sql, params, many, context):
        seen.append(re.sub(r'SAVEPOINT "\w+"', "SAVEPOINT", sql))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield seen


def steps(call, *arguments):
    """How a call is refused, and what it has asked the database; the first one warms up."""
    call(*arguments)
    with statements() as seen:
        answer = call(*arguments)
    assert answer.status_code in (400, 404, 422), answer.content
    assert seen
    return answer.status_code, seen


@org_routes
def test_another_organization_takes_the_same_statements_as_none(route, api, theirs):
    foreign, none = route.fill(theirs), route.fill({**theirs, "orgs": NOBODYS})

    taken = steps(api.call, route.method, foreign, route.example)

    assert taken == steps(api.call, route.method, none, route.example)
    # Whose key it is.
    assert len(taken[1]) == 1


@row_routes
def test_another_organizations_row_takes_the_same_statements_as_none(route, api, ours, theirs):
    for word in [word for word in ours if word != "orgs" and f"/{word}/{{" in route.path]:
        foreign, none = theirs[word], nobodys(theirs[word])

        taken = steps(api.call, route.method, route.fill({**ours, word: foreign}), route.example)

        none = route.fill({**ours, word: none})
        assert taken == steps(api.call, route.method, none, route.example), word


@pytest.mark.parametrize(("method", "path", "word", "make_body"), BODIES)
def test_so_does_a_row_that_a_body_names(method, path, word, make_body, api, ours, theirs):
    path = path.format(**ours)

    taken = steps(api.call, method, path, make_body(str(theirs[word])))

    assert taken == steps(api.call, method, path, make_body(str(nobodys(theirs[word]))))


@named
def test_so_does_another_organizations_action_of_the_gateway(route, acme, globex):
    for org in (acme, globex):
        factories.make_signing_key(org)
    destination = factories.make_destination(globex)
    factories.make_definition(globex, "theirs", destination)
    GatewayAction.objects.create(org=globex, name="theirs", destination=destination)
    gateway = Gateway(factories.make_key(acme))
    path = route.path.removeprefix(PREFIX)

    taken = steps(gateway.call, route.method, path.replace("{name}", "theirs"), route.example)

    none = path.replace("{name}", "nobodys")
    assert taken == steps(gateway.call, route.method, none, route.example)


def test_so_does_another_organizations_slug_and_action_for_an_agent(acme, globex, ours, theirs):
    key = factories.make_key(acme)
    foreign, none, mine = (Agent(slug, key) for slug in ("globex", "nobody", "acme"))
    assert steps(foreign.ask, "tools/list") == steps(none.ask, "tools/list")

    def ask(record):
        with statements() as seen:
            answer = mine.call("get_action", {"id": str(record)})
        assert answer["isError"]
        return seen

    ask(NOBODYS)
    assert ask(theirs["records"]) == ask(NOBODYS)


@pytest.mark.parametrize(
    ("method", "path", "word"),
    [
        ("GET", "/v1/orgs/{orgs}/destinations", "orgs"),
        ("GET", "/v1/orgs/{orgs}/destinations/{destinations}", "destinations"),
        ("GET", "/v1/orgs/{orgs}/actions/records/{records}", "records"),
        ("GET", "/v1/orgs/{orgs}/credentials/{credentials}", "credentials"),
        ("GET", "/v1/orgs/{orgs}/members/invites/{invites}", "invites"),
        ("DELETE", "/v1/orgs/{orgs}/keys/{keys}", "keys"),
    ],
)
def test_by_the_clock_they_take_the_same_time(method, path, word, api, ours, theirs):
    foreign, none = (
        path.format(**{**ours, word: row}) for row in (theirs[word], nobodys(theirs[word]))
    )

    def measure(address):
        began = time.perf_counter()
        assert api.call(method, address).status_code == 404
        return time.perf_counter() - began

    ratios = []
    # What a busy machine adds by chance it does not add to the same one time after time.
    while not any(1 / AT_MOST < ratio < AT_MOST for ratio in ratios):
        assert len(ratios) < TRIES, ratios
        taken = {foreign: [], none: []}
        for turn in range(PAIRS):
            # Each is the first of its pair as often as the other.
            for address in (foreign, none) if turn % 2 else (none, foreign):
                taken[address].append(measure(address))
        ratios.append(statistics.median(taken[foreign]) / statistics.median(taken[none]))
