"""Changes that come at the same time, from real threads with connections of their own."""

from __future__ import annotations

import functools
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from actions import services
from actions.models import ActionDefinition, DefinitionDestination, DefinitionName
from config.errors import ConflictError, NotFoundError
from tests import factories

THREADS = 8
PUTS = 10

pytestmark = pytest.mark.django_db(transaction=True)


def run_together(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """What each call gives, or the domain error it raises; all begin at the same moment."""
    ready = threading.Barrier(len(calls))

    def run(call):
        try:
            connection.ensure_connection()
            ready.wait(timeout=10)
            return call()
        except (ConflictError, NotFoundError) as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def put(org, schema, variant="order", **fields):
    return services.put_definition(org_id=org.pk, variant=variant, schema=schema, **fields)


def test_concurrent_puts_never_collide_or_skip(acme):
    def publish(thread):
        return [put(acme, {"title": f"{thread}/{number}"}).version for number in range(PUTS)]

    given = run_together([functools.partial(publish, thread) for thread in range(THREADS)])

    versions = [version for one in given for version in one]
    assert sorted(versions) == list(range(1, THREADS * PUTS + 1))
    # Each caller sees its own versions grow.
    assert all(one == sorted(one) for one in given)


def test_concurrent_puts_of_one_schema_make_one_version(acme):
    given = run_together([lambda: put(acme, {"type": "string"}).pk] * THREADS)

    assert len(set(given)) == 1
    assert ActionDefinition.objects.count() == 1


def test_concurrent_puts_of_one_version_with_different_schemas_store_one(acme):
    calls = [functools.partial(put, acme, {"title": str(n)}, version=1) for n in range(THREADS)]

    given = run_together(calls)

    assert Counter(type(one) for one in given) == {ActionDefinition: 1, ConflictError: THREADS - 1}
    assert ActionDefinition.objects.count() == 1


def test_one_name_goes_to_one_of_those_who_want_it_at_once(acme):
    wanted = "stable"
    calls = [
        functools.partial(put, acme, True, f"variant {n}", alias=[wanted])
        for n in range(THREADS - 1)
    ]
    calls.append(functools.partial(put, acme, True, wanted))

    given = run_together(calls)

    assert sum(isinstance(one, ActionDefinition) for one in given) == 1
    assert DefinitionName.objects.filter(name=wanted).count() == 1
    # Those who did not get it left nothing behind.
    assert ActionDefinition.objects.count() == 1


def test_defaults_set_at_once_leave_one_default(acme):
    definition = factories.make_definition(acme)
    destinations = [factories.make_destination(acme, "sdk").pk for _ in range(THREADS)]

    run_together(
        [
            functools.partial(
                services.link_destination,
                definition=ActionDefinition.objects.get(pk=definition.pk),
                destination_id=pk,
                is_default=True,
            )
            for pk in destinations
        ]
    )

    links = DefinitionDestination.objects.filter(definition=definition)
    assert links.count() == THREADS
    assert links.filter(is_default=True).count() == 1


def test_deleting_and_publishing_at_once_never_leaves_a_variant_without_its_name(acme):
    definition = factories.make_definition(acme, "order", schema=True)

    run_together(
        [
            lambda: services.delete_definition(
                definition=ActionDefinition.objects.get(pk=definition.pk)
            ),
            *[functools.partial(put, acme, {"title": str(n)}) for n in range(THREADS - 1)],
        ]
    )

    live = ActionDefinition.objects.of_org(acme.pk)
    assert live.count() == THREADS - 1
    assert DefinitionName.objects.get().name == "order"


def test_a_definition_deleted_twice_at_once_is_deleted_once(acme):
    definition = factories.make_definition(acme)
    rows = [ActionDefinition.objects.get(pk=definition.pk) for _ in range(THREADS)]

    given = run_together(
        [functools.partial(services.delete_definition, definition=row) for row in rows]
    )

    assert Counter(type(one) for one in given) == {ActionDefinition: 1, NotFoundError: THREADS - 1}
