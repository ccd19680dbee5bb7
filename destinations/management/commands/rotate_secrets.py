"""`manage.py rotate_secrets`: everything that is encrypted, under the first key."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db import OperationalError

from config.commands import PlainCommand
from destinations import rotation
from destinations.rotation import Rotation

LESSON = """
Credentials, signing keys and second factors are encrypted under the first of
WAYBILL_ENCRYPTION_KEYS, and read with any of them. To change the key:

  1. put the new key LAST in WAYBILL_ENCRYPTION_KEYS, and restart every process: all can read it
  2. put it FIRST, and restart every process: what is stored from now on is under it
  3. run this command: what was stored before is under it as well
  4. when this command ends with 0, take the old key away, and restart every process

It works in batches, each of which commits, while everything else runs. It may be broken off and
begun again at any time: what is under the first key already is left alone.

exit codes:
  0    everything is under the first key (with --dry-run: or can be brought under it)
  1    something is opened by none of the keys; it is named, all else is done
  2    nothing can be told: the database is out of reach, or the arguments make no sense
  130  broken off; what was done stays done

examples:
  manage.py rotate_secrets --dry-run      only count, and name what no key opens
  manage.py rotate_secrets
"""
BAR = 30


class Command(PlainCommand):
    """Encrypts every secret again, under the first key."""

    help = "Encrypt every credential, signing key and second factor again, under the first key."
    lesson = LESSON

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whether to change anything."""
        parser.add_argument("--dry-run", action="store_true", help="change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        """Rotate, tell, and fail where something cannot be opened."""
        try:
            rotated = rotation.rotate(dry_run=options["dry_run"], progress=self._show_progress)
        except OperationalError as error:
            raise CommandError(f"Database out of reach: {error}", returncode=2) from error
        except KeyboardInterrupt as error:
            message = "Broken off. What was done stays done; run it again for the rest."
            raise CommandError(message, returncode=130) from error
        self._tell(rotated, dry_run=options["dry_run"])
        if rotated.lost:
            raise CommandError(
                f"No key opens {len(rotated.lost)} of them. Give the key back that they were "
                "stored under, or give them new secrets."
            )

    def _show_progress(self, done: int, total: int) -> None:
        if self.stderr.isatty() and total:
            bar = "#" * (BAR * done // total)
            line = f"\r[{bar:<{BAR}}] {done / total:4.0%}  {done}/{total}"
            self.stderr.write(line, ending="\n" if done == total else "")

    def _tell(self, rotated: Rotation, *, dry_run: bool) -> None:
        for lost in rotated.lost:
            self.stdout.write(f"opened by no key: {lost}")
        done = "would be encrypted again" if dry_run else "encrypted again"
        there = f"{rotated.current} under the first key already"
        self.stdout.write(f"{rotated.rotated} secrets {done}, {there}.")
