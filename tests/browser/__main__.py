"""`make screenshots`: every page of an installation in which much is going on, as PNG files.

Light and dark, on a desktop and on a phone, in docs/screenshots/ as `<page>-<scheme>-<device>.png`.
"""

from __future__ import annotations

import os

import django

# Django has to know its URLs, and nothing else: the pages are those of other processes.
os.environ |= {
    "DJANGO_SETTINGS_MODULE": "config.settings",
    "SECRET_KEY": "for addresses only",
    "WAYBILL_ENCRYPTION_KEYS": "Zm9yIGFkZHJlc3NlcyBvbmx5LCBhbmQgbm90IHNlY3I=",
    "DATABASE_URL": "postgres:///nothing",
}
django.setup()

from tests.browser import screenshots  # noqa: E402 -- it wants Django as it has just been set up

if __name__ == "__main__":
    screenshots.main()
