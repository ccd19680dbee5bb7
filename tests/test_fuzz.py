"""Bodies that nobody thought of: whatever is sent, the answer is a documented one of ours."""

from __future__ import annotations

import json

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.routes import ROUTES

pytestmark = pytest.mark.usefixtures("walked")
TEXT = st.text(max_size=20)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | TEXT
    | st.sampled_from([2**31, 2**63, 1e300, "0" * 30, "2026-11-22T00:00:00Z", "9" * 30]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)


def spoiled(example):
    """Bodies like an example, with other values, or none, for some of its parts."""
    if isinstance(example, dict) and example:
        parts = {name: spoiled(value) for name, value in example.items()}
        return st.fixed_dictionaries({}, optional=parts) | JSON
    if isinstance(example, list) and example:
        return st.lists(spoiled(example[0]), max_size=3) | JSON
    return st.just(example) | JSON


@pytest.mark.parametrize("route", [route for route in ROUTES if route.takes_body], ids=str)
def test_no_body_whatever_makes_a_fault_of_ours(route, api, ours):
    optional = dict.fromkeys(shown_properties(route), JSON)
    bodies = (
        spoiled(route.example).map(lenient)
        | st.fixed_dictionaries({}, optional=optional).map(lenient)
        | st.binary(max_size=50)
    )
    path = route.fill(ours)

    @settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
    @given(bodies)
    def fuzz(body):
        with transaction.atomic():
            answer = api.call(route.method, path, body)
            transaction.set_rollback(True)
        assert answer.status_code < 500
        assert str(answer.status_code) in route.operation["responses"]
        assert set(answer.json()) == {"data", "errors"}

    fuzz()


def shown_properties(route):
    schema = route.operation["requestBody"]["content"]["application/json"]["schema"]
    return schema.get("properties", route.example)


def lenient(body):
    """Its JSON as Python writes it, with NaN, surrogates and integers of any size."""
    return json.dumps(body).encode()
