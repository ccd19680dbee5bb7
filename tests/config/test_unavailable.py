"""A database that is out of reach, or too slow, is not the client's fault: 503."""

from __future__ import annotations

import psycopg
import pytest
from django.db import InternalError, OperationalError

from orgs import auth
from tests.client import codes


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (OperationalError("the connection is lost"), None),
        # A failover, or maintenance.
        (InternalError("read-only transaction"), psycopg.errors.ReadOnlySqlTransaction()),
    ],
)
def test_a_database_out_of_reach_is_503(api, monkeypatch, error, cause):
    def fail(*arguments):
        raise error from cause

    monkeypatch.setattr(auth, "find_caller", fail)

    answer = api.get("/v1/self")

    assert answer.status_code == 503
    assert codes(answer) == [("UNAVAILABLE", None)]
