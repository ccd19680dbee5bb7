import os

import psycopg
import pytest

from runtime import sessions


@pytest.fixture(autouse=True)
def _no_options(monkeypatch):
    """None now, and what the test sets is gone with it."""
    monkeypatch.setenv("PGOPTIONS", "")
    monkeypatch.delenv("PGOPTIONS")


def test_sessions_keep_to_the_limits_and_look_after_their_clients():
    sessions.limit(statement_timeout="7s")

    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        assert connection.execute("SHOW statement_timeout").fetchone() == ("7s",)
    for name, value in sessions.SILENCE.items():
        assert f"-c {name}={value}" in os.environ["PGOPTIONS"]


def test_an_operators_own_options_win_over_ours_of_the_same_name(monkeypatch):
    monkeypatch.setenv("PGOPTIONS", "-c statement_timeout=3s")

    sessions.limit(statement_timeout="7s", lock_timeout="2s")

    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        assert connection.execute("SHOW statement_timeout").fetchone() == ("3s",)
        # And nothing else of ours is gone with it.
        assert connection.execute("SHOW lock_timeout").fetchone() == ("2s",)
    assert "tcp_user_timeout" in os.environ["PGOPTIONS"]
