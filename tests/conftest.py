"""Two tenants for every test: acme, the test's own, and globex, which must see nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from urllib.parse import urlsplit

import hypothesis
import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import TransactionTestCase

from destinations.outward import outbound
from dispatch import lanes
from dispatch.echoes import echoes
from dispatch.sightings import sightings
from gateway.limits import denials
from orgs.guesses import guesses
from orgs.models import Organization
from tests import factories
from tests.client import ApiClient
from tests.routes import make_rows

# The tenants of modules that walk through all routes, with the variant that each has.
WALKED = {"Acme": "send_email", "Globex": "send_letter"}
# The same examples in every run, however slow the machine is.
hypothesis.settings.register_profile("waybill", deadline=None, derandomize=True)
hypothesis.settings.load_profile("waybill")


def pytest_configure():
    """What is slow and not looked at: hashing passwords, and listing all static files."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """All tables may be emptied, the audit as well, as tests with transactions do.

    They do it by one statement. Django's own way takes three times as long, for it empties the two
    tables that migrations end with, and then has all of migrating's ends fill them again.
    """
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE orgs_auditentry DISABLE TRIGGER audit_never_emptied")
        names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    emptied = ", ".join(sorted({*names} - {"auth_permission", "django_content_type"}))

    def empty(case):
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {emptied}")

    TransactionTestCase._fixture_teardown = empty


@pytest.fixture(scope="module")
def walked(django_db_setup, django_db_blocker):
    """Rows of each kind for both tenants, made once for a module that asks for them by its mark.

    Each of its tests finds them as they were made: what a test does is undone, as ever.
    """
    with django_db_blocker.unblock():
        around = transaction.atomic()
        around.__enter__()
        rows = [make_rows(factories.make_org(name), variant) for name, variant in WALKED.items()]
    yield rows
    with django_db_blocker.unblock():
        transaction.set_rollback(True)
        around.__exit__(None, None, None)


@pytest.fixture
def ours(walked):
    """The ids of acme's rows, by the word before them in a path."""
    return dict(walked[0])


@pytest.fixture
def theirs(walked):
    """The ids of globex's rows."""
    return dict(walked[1])


@pytest.fixture(autouse=True)
def _no_static_files(settings):
    """Every new client would look for them anew, which takes longer than most tests."""
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "WhiteNoise" not in name]


@pytest.fixture(autouse=True)
def _nothing_remembered():
    """Wrong keys of other tests came from the same address, and their rows are gone."""
    guesses.forget()
    sightings.forget()
    echoes.forget()
    lanes.places.known = {}
    denials.forget()


@pytest.fixture(autouse=True)
def _no_name_server(monkeypatch):
    """Saving a destination asks for its addresses, and there is nobody to ask."""
    monkeypatch.setattr(outbound, "look_up", lambda host, seconds: [])


@pytest.fixture
def acme(request, db):
    return find_org(request, "Acme")


@pytest.fixture
def globex(request, db):
    return find_org(request, "Globex")


def find_org(request, name):
    """The tenant, which the rows of a module that is `walked` have already."""
    if "walked" in request.fixturenames:
        return Organization.objects.get(name=name)
    return factories.make_org(name)


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
