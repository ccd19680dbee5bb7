import os
import signal
import threading
from argparse import ArgumentParser
from collections.abc import Callable
from functools import partial
from multiprocessing.util import Finalize
from typing import Any

from django.core.handlers.wsgi import WSGIHandler
from django.core.management.base import CommandError
from django.core.servers.basehttp import get_internal_wsgi_application
from django.db import connections
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server import mp

from config.commands import PlainCommand
from runtime import bodies, ports, seats, sessions, slots, tether

# Connections that wait for a worker to take them, and requests a worker takes at once beside those
# that wait for something to happen or for their bodies. The requests beyond its threads wait inside
# of it, and beyond that number in the backlog.
BACKLOG = 1024
BACKPRESSURE = 128
STOP_SECONDS = 10
# One slow statement must not hold a thread for long.
LIMITS = {
    "statement_timeout": "15s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "30s",
}


class Command(PlainCommand):
    help = "Serve the API and the admin."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address (default: %(default)s)")
        parser.add_argument("--port", type=int, default=8000, help="default: %(default)s")
        parser.add_argument("--workers", type=int, default=2, help="processes (%(default)s)")
        parser.add_argument(
            "--threads", type=int, default=4, help="that work, of each process (%(default)s)"
        )
        parser.add_argument(
            "--waiting", type=int, default=512, help="calls that wait in each process (%(default)s)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"], options["port"]
        workers, threads, waiting = (options[name] for name in ("workers", "threads", "waiting"))
        if min(workers, threads, waiting) < 1 or not 1 <= port <= 65_535:
            raise CommandError(
                "--workers, --threads and --waiting are at least 1, --port 1 to 65535."
            )
        ports.check_free(host, port)
        if options["verbosity"]:
            self.stdout.write(f"Serving at http://{host}:{port}, {workers} workers.")
        sessions.limit(**LIMITS)
        # A connection must not be shared by the processes that are forked from here.
        connections.close_all()
        server = Granian(
            "config.wsgi:application",
            address=host,
            port=port,
            interface=Interfaces.WSGI,
            # With HTTP/2 nothing ends a body that does not come, not even its connection's end.
            http=HTTPModes.http1,
            workers=workers,
            # Started as they are needed: those that wait hold one each, and no slot.
            blocking_threads=threads + waiting + bodies.AT_ONCE,
            backlog=BACKLOG,
            backpressure=BACKPRESSURE + waiting + bodies.AT_ONCE,
            respawn_failed_workers=True,
            workers_kill_timeout=STOP_SECONDS,
            log_level=LogLevels.error,
        )
        # granian would reload on it; a closed terminal is to end the server.
        server.on_startup(partial(signal.signal, signal.SIGHUP, server.signal_handler_interrupt))
        server.serve(
            target_loader=partial(load_in_worker, os.getpid(), threads, waiting), wrap_loader=False
        )


def load_in_worker(server_pid: int, threads: int, waiting: int) -> slots.Application:
    """Load the application in a worker, which is not to outlive its server."""
    # Until the worker sets its own handlers it has a copy of its server's, which does nothing.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    tether.end_with_parent(server_pid)
    application: WSGIHandler = get_internal_wsgi_application()
    ours = slots.Slots(threads)
    slots.install(ours)
    # What `atexit` knows of is not called in a process that multiprocessing has forked.
    Finalize(None, slots.end, exitpriority=0)
    seats.limit(waiting)
    show_protocol()
    threading.Thread(target=ours.bodies.watch, name="bodies", daemon=True).start()
    return ours.serve(application)


def show_protocol() -> None:
    """Give each request what it is answered by: with that `bodies` breaks off what is too slow.

    granian keeps it to itself, and has no limit of its own for the time that a body takes.
    """
    server: Any = mp
    wrap = server._wsgi_call_wrap

    def wrap_showing(application: slots.Application, *options: Any) -> Callable[..., Any]:
        call = wrap(application, *options)

        def serve(protocol: Any, scope: dict[str, Any]) -> Any:
            return call(protocol, scope | {bodies.PROTOCOL: protocol})

        return serve

    server._wsgi_call_wrap = wrap_showing
