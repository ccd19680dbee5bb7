"""The shape of what is handed in: what is wrong with it is said, with a pointer to each fault."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from dispatch.models import ActionRecord
from tests.client import codes


def moment(**delta):
    return (datetime.now(UTC) + timedelta(**delta)).isoformat()


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        # not an object
        ([], ""),
        (None, ""),
        ("count", ""),
        # no payload
        ({}, "/input"),
        # a property that nobody knows
        ({"input": {"n": 1}, "delay": 5}, "/delay"),
        # in the path's form the body names no variant
        ({"input": {"n": 1}, "variant": "count"}, "/variant"),
        # versions are whole numbers from 1 that fit an integer column
        ({"input": {"n": 1}, "version": 0}, "/version"),
        ({"input": {"n": 1}, "version": "1"}, "/version"),
        ({"input": {"n": 1}, "version": 1.5}, "/version"),
        ({"input": {"n": 1}, "version": True}, "/version"),
        ({"input": {"n": 1}, "version": 2**31}, "/version"),
        ({"input": {"n": 1}, "version": None}, "/version"),
        # a timeout is 1 s to 30 days
        ({"input": {"n": 1}, "timeout": 0}, "/timeout"),
        ({"input": {"n": 1}, "timeout": -1}, "/timeout"),
        ({"input": {"n": 1}, "timeout": 30 * 86_400 + 1}, "/timeout"),
        # tags are an object of strings
        ({"input": {"n": 1}, "tags": []}, "/tags"),
        ({"input": {"n": 1}, "tags": None}, "/tags"),
        ({"input": {"n": 1}, "tags": {"tenant": 1}}, "/tags/tenant"),
        # at most 16, keys of 1..128 and values of up to 256 characters
        ({"input": {"n": 1}, "tags": {str(n): "" for n in range(17)}}, "/tags"),
        ({"input": {"n": 1}, "tags": {"k" * 129: ""}}, "/tags"),
        ({"input": {"n": 1}, "tags": {"": ""}}, "/tags"),
        ({"input": {"n": 1}, "tags": {"k": "v" * 257}}, "/tags/k"),
        # not a time
        ({"input": {"n": 1}, "available_at": "tomorrow"}, "/available_at"),
        ({"input": {"n": 1}, "available_at": 1_800_000_000}, "/available_at"),
        ({"input": {"n": 1}, "available_at": "2026-13-01T00:00:00Z"}, "/available_at"),
        # a time of day somewhere unsaid (RFC 3339 wants the offset)
        ({"input": {"n": 1}, "available_at": "2026-01-01T00:00:00"}, "/available_at"),
        # a moment before the year 1 in UTC
        ({"input": {"n": 1}, "available_at": "0001-01-01T00:00:00+01:00"}, "/available_at"),
    ],
)
def test_a_submission_of_the_wrong_shape_is_400_and_leaves_nothing(api, body, pointer):
    response = api.call("POST", "/v1/ingress/count", orjson.dumps(body))

    assert response.status_code == 400
    assert pointer in [at for _, at in codes(response)]
    assert not ActionRecord.objects.exists()


@pytest.mark.parametrize(
    "farthest",
    [moment(days=30, hours=1), "9999-12-31T23:59:59Z"],
    ids=["an hour more", "ages more"],
)
def test_nothing_is_put_off_for_more_than_30_days(api, definition, farthest):
    body = orjson.dumps({"input": {"n": 1}, "available_at": farthest})
    response = api.call("POST", "/v1/ingress/count", body)

    assert response.status_code == 400
    assert [at for _, at in codes(response)] == ["/available_at"]
    assert not ActionRecord.objects.exists()


def test_every_fault_of_the_shape_is_named_at_once(api):
    response = api.post("/v1/ingress", {"version": 0, "timeout": 0, "tags": {"k": 1}})

    pointers = sorted(at for _, at in codes(response))
    assert pointers == ["/input", "/tags/k", "/timeout", "/variant", "/version"]


def test_a_variant_in_the_body_is_a_name(api):
    for variant in ("", 7, None):
        response = api.post("/v1/ingress", {"variant": variant, "input": {"n": 1}})
        assert codes(response) == [("INVALID_BODY", "/variant")]


@pytest.mark.parametrize(
    ("query", "tags", "pointer"),
    [
        # sixteen in the body and one more in the query
        ("?tag.more=1", {str(n): "v" for n in range(16)}, "/tags"),
        # no name
        ("?tag.=1", {}, "/tags"),
        # too long
        (f"?tag.{'k' * 129}=1", {}, "/tags"),
        (f"?tag.k={'v' * 257}", {}, "/tags/k"),
        # a NUL, which PostgreSQL cannot hold
        ("?tag.k=%00", {}, None),
        ("?tag.%00=v", {}, None),
        # a wrong body stays wrong
        ("?tag.k=v", [], "/tags"),
    ],
)
def test_tags_beyond_their_limits_are_400(api, query, tags, pointer):
    response = api.post(f"/v1/ingress/count{query}", {"input": {"n": 1}, "tags": tags})

    assert response.status_code == 400
    assert [at for _, at in codes(response)] == [pointer]
