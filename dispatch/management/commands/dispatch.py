"""`manage.py dispatch`: the process that delivers."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import signal
from argparse import ArgumentParser
from typing import Any

import uvloop
from django.conf import settings
from django.core.management.base import CommandError

from config.commands import PlainCommand
from dispatch.engine import lines
from dispatch.engine.dispatcher import RESOLVERS, Dispatcher
from runtime import sessions


class Command(PlainCommand):
    """Delivers due actions until it is stopped. Any number of them may run."""

    help = "Deliver due actions until SIGTERM or Ctrl-C. Any number may run, on any machine."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """How much at once."""
        parser.add_argument(
            "--concurrency",
            type=int,
            default=1_000,
            help="deliveries under way at once (default: %(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until a signal."""
        if options["concurrency"] < 1:
            raise CommandError("--concurrency is at least 1.")
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        sessions.limit()
        relieve_collector()
        # uvloop resolves names in threads of libuv's, of which there would be four.
        os.environ.setdefault("UV_THREADPOOL_SIZE", str(RESOLVERS))
        uvloop.run(self._dispatch(options["concurrency"]))

    async def _dispatch(self, concurrency: int) -> None:
        dispatcher = Dispatcher(
            lines.read_conninfo(),
            concurrency=concurrency,
            allow_private=settings.ALLOW_PRIVATE_NETWORKS,
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, dispatcher.stop)
        await dispatcher.run()


def relieve_collector() -> None:
    """A delivery leaves no cycles behind: looking for some took a quarter of its time.

    What is loaded by now stays, and is not looked through again. Hundreds of deliveries under way
    are no reason to look, either.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
