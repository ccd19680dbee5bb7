"""`manage.py rotate_secrets`: everything under the first key, and what no key opens named."""

from __future__ import annotations

import signal
import subprocess
import threading
from contextlib import suppress
from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, transaction

from destinations import rotation, services, signing_keys
from destinations.models import Credential
from orgs import encryption
from orgs.audit import acting
from orgs.models import AuditEntry, SigningKey
from tests import factories
from tests.dispatch.background import wait_until
from tests.dispatch.concurrency import at_once

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))


def run(*arguments, screen=None):
    """What it prints; it must end well."""
    printed = StringIO()
    call_command("rotate_secrets", *arguments, stdout=printed, stderr=screen or StringIO())
    return printed.getvalue()


def run_in_vain(*arguments):
    """What it prints, what it complains of, and its exit code."""
    printed = StringIO()
    with pytest.raises(CommandError) as failed:
        call_command("rotate_secrets", *arguments, stdout=printed, stderr=StringIO())
    return printed.getvalue(), str(failed.value), failed.value.returncode


@pytest.fixture
def keys(settings):
    """Set the installation's keys; they begin as the old one alone."""

    def use(*several):
        settings.ENCRYPTION_KEYS = list(several)

    use(OLD)
    return use


@pytest.fixture
def stored(acme, keys):
    """Five credentials and a signing key that has been rotated, under the old key."""
    for number in range(5):
        factories.make_credential(acme, "http_bearer", secret={"token": f"token-{number}"})
    key = factories.make_signing_key(acme)
    signing_keys.rotate_signing_key(key=key)
    keys(NEW, OLD)


def tokens():
    rows = SigningKey.objects.values_list("secret", "previous")
    return [*Credential.objects.values_list("secret", flat=True), *(t for row in rows for t in row)]


def test_everything_is_brought_under_the_first_key_and_stays_the_same_secret(stored, keys):
    before = [encryption.decrypt(token) for token in tokens()]
    versions = list(Credential.objects.values_list("version", "updated_at"))

    assert run() == "7 secrets encrypted again, 0 under the first key already.\n"

    keys(NEW)
    assert [encryption.decrypt(token) for token in tokens()] == before
    assert list(Credential.objects.values_list("version", "updated_at")) == versions


def test_doing_it_again_does_nothing(stored):
    run()
    before = tokens()

    assert run() == "0 secrets encrypted again, 7 under the first key already.\n"
    assert tokens() == before


def test_a_dry_run_counts_and_changes_nothing(stored):
    before = tokens()

    told = run("--dry-run")

    assert told == "7 secrets would be encrypted again, 0 under the first key already.\n"
    assert tokens() == before


def test_what_no_key_opens_is_named_and_all_else_is_done(stored, acme, keys):
    lost = Credential.objects.first()
    keys(OTHER)
    Credential.objects.filter(pk=lost.pk).update(secret=encryption.encrypt({"token": "lost"}))
    SigningKey.objects.update(previous="nonsense")
    keys(NEW, OLD)
    key = SigningKey.objects.get()

    for arguments in (["--dry-run"], []):
        told, complaint, code = run_in_vain(*arguments)

        assert told.splitlines()[:2] == [
            f"opened by no key: credential {lost.pk} ({lost.label}) of organization {acme.pk}",
            f"opened by no key: former secret of signing key {key.pk} ({key.label}) "
            f"of organization {acme.pk}",
        ]
        assert told.splitlines()[2].startswith("5 secrets ")
        assert complaint.startswith("No key opens 2 of them.")
        assert code == 1
    keys(NEW)
    assert encryption.decrypt(Credential.objects.last().secret) == {"token": "token-4"}


def test_deleted_rows_have_nothing_to_rotate_or_to_miss(stored):
    for credential in Credential.objects.all():
        services.delete_credential(credential=credential)

    assert run() == "2 secrets encrypted again, 0 under the first key already.\n"


def test_nothing_is_said_to_be_well_without_a_database(db):
    def refuse(execute, sql, params, many, context):
        raise OperationalError("the connection is lost")

    with connection.execute_wrapper(refuse):
        assert run_in_vain() == ("", "Database out of reach: the connection is lost", 2)


@pytest.mark.django_db(transaction=True)
def test_what_was_done_stays_done_when_it_is_broken_off(stored, monkeypatch):
    monkeypatch.setattr(rotation, "ROWS_AT_ONCE", 2)
    done = []
    rotate = encryption.rotate

    def break_off(token):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(token)
        return rotate(token)

    monkeypatch.setattr(encryption, "rotate", break_off)
    _, complaint, code = run_in_vain()

    assert (complaint.startswith("Broken off."), code) == (True, 130)
    # The first batch is committed, the second, in the middle of which it ended, is not.
    assert sum(map(encryption.is_current, tokens())) == 2
    monkeypatch.setattr(encryption, "rotate", rotate)
    assert run() == "5 secrets encrypted again, 2 under the first key already.\n"


@pytest.mark.django_db(transaction=True)
def test_a_secret_that_is_given_meanwhile_is_not_overwritten(stored):
    credential = Credential.objects.first()
    locked = threading.Event()

    def act(verb):
        if verb == "rotate":
            assert locked.wait(10)
            run()
            return
        with transaction.atomic():
            mine = Credential.objects.get(pk=credential.pk)
            services.update_credential(credential=mine, changes={"secret": {"token": "given"}})
            locked.set()
            wait_until(is_somebody_waiting)

    at_once(act, ["rotate", "update"])

    credential.refresh_from_db()
    assert encryption.decrypt(credential.secret) == {"token": "given"}


def is_somebody_waiting():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return cursor.fetchone()[0]


def break_off(command):
    """The exit code after Ctrl-C, pressed again where nothing happens for a while."""
    for _ in range(6):
        command.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            return command.wait(10)
    return command.poll()


def test_it_shows_on_a_terminal_how_far_it_has_come(stored, monkeypatch):
    monkeypatch.setattr(rotation, "ROWS_AT_ONCE", 2)
    screen = StringIO()
    screen.isatty = lambda: True

    run(screen=screen)

    first, *_, last = screen.getvalue().split("\r")[1:]
    assert first == f"[{' ' * 30}]   0%  0/6"
    assert last == f"[{'#' * 30}] 100%  6/6\n"


def test_elsewhere_it_writes_lines_alone(stored):
    screen = StringIO()

    run(screen=screen)

    assert screen.getvalue() == ""


def test_its_help_teaches_the_order_of_things_and_the_exit_codes(capsys):
    with pytest.raises(SystemExit):
        call_command("rotate_secrets", "--help")

    told = capsys.readouterr().out
    assert told.index("LAST") < told.index("FIRST") < told.index("take the old key away")
    assert "1    something is opened by none of the keys; it is named" in told


@pytest.mark.django_db(transaction=True)
def test_as_an_operator_runs_it_it_ends_with_its_codes(
    stored, start_command, tmp_path, monkeypatch
):
    monkeypatch.setenv("WAYBILL_ENCRYPTION_KEYS", f"{NEW},{OLD}")
    assert start_command("rotate_secrets").wait(60) == 0
    monkeypatch.setenv("WAYBILL_ENCRYPTION_KEYS", OTHER)
    assert start_command("rotate_secrets").wait(60) == 1
    assert start_command("rotate_secrets", "--what").wait(60) == 2
    monkeypatch.setenv("WAYBILL_ENCRYPTION_KEYS", "nonsense")
    assert start_command("rotate_secrets").wait(60) == 2

    log = (tmp_path / "rotate_secrets.log").read_text()
    assert "7 secrets encrypted again, 0 under the first key already." in log
    assert log.count("opened by no key") == 7
    assert "Traceback" not in log


@pytest.mark.django_db(transaction=True)
def test_as_an_operator_breaks_it_off_it_ends_with_130(
    stored, start_command, tmp_path, monkeypatch
):
    monkeypatch.setenv("WAYBILL_ENCRYPTION_KEYS", f"{NEW},{OLD}")
    with transaction.atomic():
        # It waits for this row.
        list(Credential.objects.select_for_update().all())
        command = start_command("rotate_secrets")
        wait_until(is_somebody_waiting)
        assert break_off(command) == 130

    log = (tmp_path / "rotate_secrets.log").read_text()
    assert "Broken off. What was done stays done" in log
    assert "Traceback" not in log


def test_each_row_is_told_to_be_changed_by_who_runs_it(stored, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "grace")
    newest = AuditEntry.objects.latest("pk").pk
    with acting.at_the_command_line(["manage.py", "rotate_secrets"]):
        run()

    made = AuditEntry.objects.filter(pk__gt=newest)
    assert len(made) == 6
    assert {(one.actor, one.via, one.path) for one in made} == {
        ("grace at the command line", "command", "manage.py rotate_secrets")
    }
