"""A Waybill that answers as a test tells it, and workers of both kinds that run beside the test."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson
from waybill_sdk import AsyncClient, AsyncWorker, Client, Retries, Worker

HTML = b"<html>a page of a proxy</html>"


class Answering(BaseHTTPRequestHandler):
    """One connection of a worker."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = orjson.loads(self.rfile.read(int(self.headers["content-length"])))
        what = self.path.rsplit("/", 1)[-1]
        status, text = self.server.stage.answer(what, body)
        if status == "cut":
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *arguments):
        """Say nothing."""


class Stage:
    """Gives out what is in `ready`; answers what `moods` has for a call, and else that all is well.

    A mood is (status, text), "cut" for no answer at all, or a threading.Event to wait for.
    """

    def __init__(self):
        self.ready = []
        self.moods = defaultdict(list)
        self.seen = []
        self.lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self.server.stage = self
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        self.ended = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def give(self, *ids):
        """Have the next poll take those."""
        action = {"attempt": 0, "variant": "count", "version": 1, "input": {}, "tags": {}}
        deadline = {"deadline": "2030-01-01T00:00:00Z"}
        self.ready += [{"action_record_id": one, **action, **deadline} for one in ids]

    def answer(self, what, body):
        with self.lock:
            self.seen.append((what, body, time.monotonic()))
            mood = self.moods[what].pop(0) if self.moods[what] else None
            items = []
            if what == "pull" and mood is None:
                items, self.ready = self.ready, []
        if isinstance(mood, threading.Event):
            mood.wait(30)
        elif mood == "cut":
            return "cut", b""
        elif mood:
            return mood
        if what == "pull" and not items:
            self.ended.wait(body["wait_seconds"])
        if what == "ack":
            items = [{} for _ in body["items"]]
        return 200, orjson.dumps({"data": {"items": items}, "errors": None})

    def calls(self, what):
        """The bodies of those calls, in their order."""
        with self.lock:
            return [body for said, body, _ in self.seen if said == what]

    def acked(self):
        """The ids of each call that settled."""
        return [[item["action_record_id"] for item in one["items"]] for one in self.calls("ack")]

    def extended(self):
        """The ids whose leases were extended, or were to be."""
        return [one["action_record_id"] for one in self.calls("modack")]

    def close(self):
        self.ended.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class Running:
    """A worker in a thread of its own, whose only handler does `does`, a function."""

    def __init__(self, stage, mode, does, retries=1, **options):
        self.options = {"wait_seconds": 0.2, "grace_seconds": 5, "lease_seconds": 1} | options
        self.made = threading.Event()
        self.given = {"retries": Retries(attempts=retries, first_seconds=0.01), "timeout": 10}
        run = self.work if mode == "sync" else lambda *given: asyncio.run(self.work_async(*given))
        self.thread = threading.Thread(target=run, args=(stage.url, does), daemon=True)
        self.thread.start()
        assert self.made.wait(10)

    def work(self, url, does):
        with Client(url, "key", **self.given) as client:
            worker = Worker(client, "n", **self.options)
            worker.action("count")(does)
            self.stop = worker.stop
            self.made.set()
            worker.run()

    async def work_async(self, url, does):
        async with AsyncClient(url, "key", **self.given) as client:
            worker = AsyncWorker(client, "n", **self.options)
            loop = asyncio.get_running_loop()

            @worker.action("count")
            async def count(action):
                await asyncio.to_thread(does, action)

            self.stop = lambda: loop.call_soon_threadsafe(worker.stop)
            self.made.set()
            await worker.run(handle_signals=False)

    @property
    def lives(self):
        return self.thread.is_alive()

    def end(self):
        if self.lives:
            self.stop()
        self.thread.join(20)
        assert not self.lives
