"""Certificates: where their keys are, and in which threads they are read."""

from __future__ import annotations

import asyncio
import os
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

from destinations import credentials
from destinations.authorizing.certificates import Certificates
from destinations.keys import REMEMBERED, Secret, read_keys
from destinations.outward.clients import Clients
from tests.destinations.pem import make_pair


def note_files(monkeypatch):
    """The temporary files that are made from here on."""
    made = []
    real = tempfile.NamedTemporaryFile

    def note(*args, **options):
        made.append(args)
        return real(*args, **options)

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", note)
    return made


def test_a_private_key_is_never_on_a_disk(monkeypatch):
    made = note_files(monkeypatch)

    assert credentials.make_tls_context(make_pair())
    assert made == []


def test_where_there_are_no_files_in_memory_it_is_read_all_the_same(monkeypatch):
    made = note_files(monkeypatch)
    monkeypatch.delattr(os, "memfd_create")

    assert credentials.make_tls_context(make_pair())
    assert len(made) == 1


def test_a_silent_name_server_keeps_no_certificate_waiting():
    answers = threading.Event()

    async def run():
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        asked = loop.run_in_executor(None, answers.wait, 10)
        try:
            async with asyncio.timeout(5):
                secret = Secret(1, 1, "http_bearer", {"token": "a", "tls": make_pair()})
                return await Certificates(Clients(None)).find(secret)
        finally:
            answers.set()
            await asked

    assert asyncio.run(run()) is not None


def test_few_secrets_are_kept_in_the_clear():
    assert read_keys.cache_parameters()["maxsize"] == REMEMBERED == 512
