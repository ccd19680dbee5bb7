#!/usr/bin/env python
"""The command line of Waybill; `manage.py help` lists its commands."""

import os
import sys

if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    sys.stderr.write(
        "Waybill needs Python 3.11, 3.12 or 3.13, "
        f"and this is {sys.version_info[0]}.{sys.version_info[1]}.\n"
    )
    sys.exit(2)

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from orgs.audit import acting
from runtime import environment
from runtime.errors import StartError


def main() -> None:
    """Run a command with all that it needs around it."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        with environment.prepared_for(sys.argv), acting.at_the_command_line(sys.argv):
            execute_from_command_line(sys.argv)
    except (StartError, ImproperlyConfigured) as error:
        # Nothing was done. 1 is for commands that did their work and found something.
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
