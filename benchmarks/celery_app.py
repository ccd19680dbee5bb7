"""Celery's side of the comparison: one task, one POST over a kept connection."""

from __future__ import annotations

import os

import requests
from celery import Celery

URL = os.environ.get("BENCH_URL", "")
app = Celery("bench", broker=os.environ.get("BENCH_REDIS"))
app.conf.update(
    task_acks_late=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=4,
    worker_send_task_events=False,
    broker_connection_retry_on_startup=True,
    # Without this every greenlet looks for its result backend in all installed packages: measured,
    # five times slower.
    result_backend_thread_safe=True,
)
# Greenlets share it; as many connections are kept as may be in use at once.
session = requests.Session()
# Neither .netrc nor proxies are looked up for each POST.
session.trust_env = False
session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=200))


@app.task(name="bench.post")
def post(body: str) -> None:
    """Deliver one job."""
    session.post(URL, data=body.encode(), timeout=30).raise_for_status()
