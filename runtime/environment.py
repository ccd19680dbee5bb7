"""What a command needs around it before Django loads: a secret key and a database."""

import os
import secrets
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType

import psycopg
from cryptography.fernet import Fernet
from django.db import connection

from runtime.embedded_postgres import EmbeddedPostgres
from runtime.errors import StartError
from runtime.home import load_secret, open_home

# These only read the code. They get stand-ins, so that they work in an image build as well.
COMMANDS_WITHOUT_DATABASE = frozenset(
    {
        "",
        "collectstatic",
        "compilemessages",
        "diffsettings",
        "findstatic",
        "help",
        "makemessages",
        "spectacular",
        "startapp",
        "startproject",
        "version",
    }
)
NO_DATABASE = "postgres:///waybill"
SCHEMES = ("postgres://", "postgresql://")

held_server: ContextVar[EmbeddedPostgres | None] = ContextVar("held_server", default=None)


@contextmanager
def prepared_for(argv: Sequence[str]) -> Iterator[None]:
    """Give a command its secret key and its database for as long as it runs."""
    if not _needs_database(argv):
        _provide("SECRET_KEY", secrets.token_urlsafe())
        _provide("WAYBILL_ENCRYPTION_KEYS", _make_fernet_key())
        _provide("DATABASE_URL", NO_DATABASE)
        yield
        return
    if not _is_set("SECRET_KEY"):
        _provide("SECRET_KEY", load_secret(open_home() / "secret_key"))
    if not _is_set("WAYBILL_ENCRYPTION_KEYS"):
        keys = load_secret(open_home() / "encryption_keys", _make_fernet_key)
        _provide("WAYBILL_ENCRYPTION_KEYS", keys)
    if _is_set("DATABASE_URL"):
        _check_reachable()
        yield
        return
    with _embedded_server() as url:
        _provide("DATABASE_URL", url)
        yield


def _needs_database(argv: Sequence[str]) -> bool:
    asks_for_text = {"-h", "--help", "--version"} & set(argv)
    return not asks_for_text and (argv[1:] or [""])[0] not in COMMANDS_WITHOUT_DATABASE


def _make_fernet_key() -> str:
    return Fernet.generate_key().decode()


def _is_set(name: str) -> bool:
    """Tell whether the operator has set a variable, here or in a file (`NAME_FILE`)."""
    return bool(os.environ.get(name) or os.environ.get(f"{name}_FILE"))


def _provide(name: str, value: str) -> None:
    if not _is_set(name):
        os.environ[name] = value


@contextmanager
def _embedded_server() -> Iterator[str]:
    """Hold the embedded server, and let go of it however the command ends short of a SIGKILL."""
    server = EmbeddedPostgres(open_home())
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _exit)
    try:
        url = server.start()
        held_server.set(server)
        yield url
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        server.stop()


def _exit(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _check_reachable() -> None:
    """Say in one line what every command would say in a page of traceback."""
    if not os.environ.get("DATABASE_URL", "postgres://").startswith(SCHEMES):
        raise StartError("DATABASE_URL must look like postgres://user:password@host:5432/name.")
    try:
        options = connection.get_connection_params() | {"connect_timeout": 5}
        psycopg.connect(**options).close()
    except (psycopg.Error, ValueError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise StartError(
            f"The database of DATABASE_URL cannot be reached ({reason}). "
            "Start it, correct DATABASE_URL, or unset it to use the embedded PostgreSQL."
        ) from error
