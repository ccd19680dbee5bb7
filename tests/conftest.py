"""Two tenants for every test: acme, the test's own, and globex, which must see nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from urllib.parse import urlsplit

import hypothesis
import pytest
from django.conf import settings
from django.db import connection

from destinations.outward import outbound
from gateway.limits import denials
from orgs.guesses import guesses
from tests import factories
from tests.client import ApiClient

# The same examples in every run, however slow the machine is.
hypothesis.settings.register_profile("waybill", deadline=None, derandomize=True)
hypothesis.settings.load_profile("waybill")


def pytest_configure():
    """What is slow and not looked at: hashing passwords, and listing all static files."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """The audit may be emptied with all other tables, as tests with transactions do."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE orgs_auditentry DISABLE TRIGGER audit_never_emptied")


@pytest.fixture(autouse=True)
def _no_static_files(settings):
    """Every new client would look for them anew, which takes longer than most tests."""
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "WhiteNoise" not in name]


@pytest.fixture(autouse=True)
def _no_wrong_keys():
    """Those of other tests came from the same address."""
    guesses.forget()
    denials.forget()


@pytest.fixture(autouse=True)
def _no_name_server(monkeypatch):
    """Saving a destination asks for its addresses, and there is nobody to ask."""
    monkeypatch.setattr(outbound, "look_up", lambda host, seconds: [])


@pytest.fixture
def acme(db):
    return factories.make_org("Acme")


@pytest.fixture
def globex(db):
    return factories.make_org("Globex")


@pytest.fixture
def api(acme):
    """A client with a key of acme's owner; paths are below acme where they start with `~`."""
    return ApiClient(acme, factories.make_key(acme))


@pytest.fixture
def globex_api(globex):
    return ApiClient(globex, factories.make_key(globex))


@pytest.fixture
def admin_client(admin_client):
    """pytest-django's, after its first page: that one writes down when the session was used."""
    admin_client.get("/admin/password_change/")
    return admin_client


@pytest.fixture
def webhook(acme):
    return factories.make_destination(acme)


@pytest.fixture
def definition(acme, webhook):
    """The variant `count`, which wants `{"n": integer}` and goes to a webhook."""
    return factories.make_definition(acme, to=webhook)


@pytest.fixture
def record(acme, definition):
    """An accepted action that nobody has claimed."""
    return factories.make_record(acme)


@pytest.fixture
def start_process():
    """Start a process, which is killed with the test."""
    started = []

    def start(command, **options):
        process = subprocess.Popen([*map(str, command)], **{"cwd": settings.BASE_DIR} | options)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        for stream in filter(None, (process.stdin, process.stdout, process.stderr)):
            stream.close()


@pytest.fixture
def start_command(start_process, tmp_path):
    """Start a command of `manage.py` against the test's database; it writes `<name>.log`."""
    url = urlsplit(os.environ["DATABASE_URL"])

    def start(name, *arguments):
        database = url._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
        environment = {"DATABASE_URL": database, "WAYBILL_ALLOW_PRIVATE_NETWORKS": "true"}
        with (tmp_path / f"{name}.log").open("a") as log:
            return start_process(
                [sys.executable, "manage.py", name, *arguments],
                env=os.environ | environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    return start


@pytest.fixture
def private_networks(settings):
    """Destinations may point to loopback."""
    settings.ALLOW_PRIVATE_NETWORKS = True
