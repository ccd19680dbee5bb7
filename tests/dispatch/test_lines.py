"""The dispatcher's connections."""

import asyncio

import psycopg
import pytest
from django.db import connection

from dispatch.engine import lines


@pytest.fixture
def known(db):
    return psycopg.conninfo.conninfo_to_dict(lines.read_conninfo())


def test_a_line_leads_to_djangos_database_under_its_own_name(known):
    assert known["dbname"] == connection.settings_dict["NAME"]
    assert known["application_name"] == "waybill dispatch"


def test_a_silent_server_is_given_up(known):
    assert known["connect_timeout"] == "5"
    assert int(known["tcp_user_timeout"]) == 25_000
    idle, interval, count = (
        int(known[f"keepalives_{name}"]) for name in ("idle", "interval", "count")
    )
    assert idle + interval * count == 25


def test_the_operators_own_options_win(db, settings, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {"connect_timeout": 17})

    assert "connect_timeout=17" in lines.read_conninfo()


@pytest.mark.django_db(transaction=True)
def test_a_line_is_opened_once_and_again_where_it_broke():
    async def use():
        line = lines.Line(lines.read_conninfo())
        first = await line.open()
        assert await line.open() is first
        # Left in the middle of something.
        await first.execute("BEGIN")
        second = await line.open()
        assert second is not first
        assert first.closed
        await second.close()
        third = await line.open()
        assert (await (await third.execute("SELECT 1")).fetchone()) == (1,)
        await line.close()
        await line.close()
        assert third.closed

    asyncio.run(use())
