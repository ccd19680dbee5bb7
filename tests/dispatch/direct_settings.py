"""The settings of a web process that can be asked to execute actions (tests only)."""

from config.settings import *  # noqa: F403 -- all of them, but for one

ROOT_URLCONF = "tests.dispatch.direct_urls"
