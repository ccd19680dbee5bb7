"""Who is at work: told to the database connection, where the audit triggers read it.

It is a setting of the session, so that no change can be made without it and no service has to
pass it on. It is told where a management request, a page of the admin, a command or a job begins,
and taken back where that ends. A connection that breaks meanwhile takes it along; the one that
follows is told anew.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from typing import Any

import orjson
from django.db import DatabaseError, InterfaceError, connection, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from psycopg.pq import TransactionStatus

from runtime import slots

TELL = "SELECT set_config('waybill.actor', %s, false)"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")
# These serve others: what they change is changed in somebody's name, or in nobody's.
SERVERS = ("dispatch", "web", "worker")
MOST_CHARACTERS = 500


class Via(models.TextChoices):
    """The ways to a change."""

    API = "api", "API"
    ADMIN = "admin"
    GATEWAY = "gateway"
    COMMAND = "command"
    JOB = "job"
    # Past all of them: by somebody who is logged in at the database itself.
    DATABASE = "database"


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody at work, as the audit shows them."""

    actor: str
    via: str
    user_id: int | None = None
    key_id: int | None = None
    address: str = ""
    path: str = ""

    def written(self) -> str:
        """It, as the triggers read it."""
        return orjson.dumps(asdict(self)).decode()


@dataclass(slots=True)
class Act:
    """A piece of work, who does it, and whether the database is to know."""

    actor: Actor | None = None
    is_told: bool = False


_current: ContextVar[Act | None] = ContextVar("waybill_act", default=None)


@contextmanager
def scope() -> Iterator[Act]:
    """A piece of work by somebody who is not known yet: `be` says who it is."""
    outer = _current.get()
    act = Act()
    token = _current.set(act)
    try:
        yield act
    finally:
        _current.reset(token)
        if act.is_told:
            _tell(outer if outer and outer.is_told else None)


@contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """All changes inside are this one's."""
    with scope():
        be(actor)
        tell()
        yield


def be(actor: Actor) -> None:
    """From here on to the end of the piece of work, it is this one who is at work.

    That costs nothing: the database knows when it is told.
    """
    act = _current.get()
    if act is not None:
        act.actor = actor


def who() -> Actor | None:
    """Whoever is at work, if anybody is known to be."""
    act = _current.get()
    return act.actor if act else None


def tell() -> None:
    """Let the database know who is at work, if anybody is, before something is changed.

    It may be told again: what a transaction was told goes with its rollback.
    """
    act = _current.get()
    if act is not None and act.actor is not None:
        act.is_told = True
        _tell(act)


def _tell(act: Act | None) -> None:
    """Tell an open connection; one that is opened later is told then."""
    opened = connection.connection
    if opened is None:
        return
    if opened.info.transaction_status == TransactionStatus.INERROR:
        # Its rollback brings back what it was told before.
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute(TELL, [_written(act)])
    except (DatabaseError, InterfaceError):
        # What became of it is unknown, and it must not go on in another's name.
        connection.close()
        if act is not None:
            raise


def _written(act: Act | None) -> str:
    return act.actor.written() if act and act.actor else ""


def _tell_new(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """A connection that was opened in the middle of a piece of work."""
    act = _current.get()
    if act is not None and act.is_told and connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(TELL, [_written(act)])


@contextmanager
def _unknown() -> Iterator[None]:
    """Whoever has the connection meanwhile is somebody else."""
    act = _current.get()
    if act is None or not act.is_told:
        yield
        return
    _tell(None)
    try:
        yield
    finally:
        _tell(act)


slots.while_left(_unknown)
connection_created.connect(_tell_new, dispatch_uid="waybill.actor")


def is_safe(method: str | None) -> bool:
    """Whether a request by this method changes nothing."""
    return method in SAFE_METHODS


def shown_path(method: str | None, path: str) -> str:
    """What was called, as far as it fits, without what no text can hold."""
    text = f"{method} {path}".encode(errors="replace").decode().replace("\0", "")
    return text[:MOST_CHARACTERS]


@contextmanager
def at_the_command_line(argv: Sequence[str]) -> Iterator[None]:
    """What a command of `manage.py` changes is changed by who runs it, but for servers."""
    name = argv[1] if len(argv) > 1 else ""
    if name in SERVERS:
        yield
        return
    with acting(as_command(name)):
        yield


def as_command(name: str) -> Actor:
    """Whoever runs a command of `manage.py`, by their login on the host."""
    try:
        login = getpass.getuser()
    except (KeyError, OSError):
        # In a container there may be no name for its number.
        login = f"uid {os.getuid()}"
    return Actor(f"{login} at the command line", Via.COMMAND, path=f"manage.py {name}")


def as_job(name: str, actor: str = "the worker") -> Actor:
    """A job of the worker's, for itself or in the name of who asked for it."""
    return Actor(actor, Via.JOB, path=name)
