"""Fills Celery's queue: `python -m benchmarks.celery_fill JOBS`."""

from __future__ import annotations

import sys

from benchmarks.celery_app import app, post


def fill(jobs: int) -> None:
    """Hand in so many jobs over one connection."""
    with app.producer_pool.acquire(block=True) as producer:
        for _ in range(jobs):
            post.apply_async(('{"n": 1}',), producer=producer)


if __name__ == "__main__":
    fill(int(sys.argv[1]))
