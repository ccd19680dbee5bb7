"""A database that is out of reach, or too slow, is not the client's fault: 503."""

from __future__ import annotations

from django.db import OperationalError

from orgs import auth
from tests.client import codes


def test_a_database_out_of_reach_is_503(api, monkeypatch):
    def fail(material):
        raise OperationalError("the connection is lost")

    monkeypatch.setattr(auth, "find_caller", fail)

    answer = api.get("/v1/self")

    assert answer.status_code == 503
    assert codes(answer) == [("UNAVAILABLE", None)]
