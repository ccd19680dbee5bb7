"""`manage.py dispatch` without any judgement of addresses: `python -m benchmarks.unguarded`.

What the judgement costs is measured beside this one. It is for a receiver of our own, only.
"""

from __future__ import annotations

import os
import sys

from aiohttp.resolver import ThreadedResolver
from django.core.management import execute_from_command_line

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


def main() -> None:
    """Take the checks away, and dispatch."""
    from destinations.outward import addresses, outbound  # noqa: PLC0415 -- once it is known which settings

    addresses.check_url = lambda url, policy: None
    outbound.CheckedResolver = lambda policy: ThreadedResolver()
    execute_from_command_line(["manage.py", "dispatch", *sys.argv[1:]])


if __name__ == "__main__":
    main()
