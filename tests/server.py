"""A pytest plugin: the suite's own embedded PostgreSQL, apart from the one of `make run`.

pytest-django reads the settings before any conftest is loaded, so this is a plugin (`-p` in
pyproject.toml) and the server is up when it has been imported.
"""

from __future__ import annotations

import os
from pathlib import Path

from runtime.embedded_postgres import EmbeddedPostgres
from runtime.home import open_home

HOME = Path(__file__).parent.parent / ".waybill" / "test"
os.environ |= {
    "WAYBILL_HOME": str(HOME),
    "WAYBILL_POSTGRES_FSYNC": "off",
    "WAYBILL_HTTPS": "false",
    "SECRET_KEY": "for the tests only",
    "WAYBILL_ENCRYPTION_KEYS": "Zm9yIHRoZSB0ZXN0cyBvbmx5LCBhbmQgbm90IHNlY3I=",
}
for name in (
    "DEBUG",
    "ALLOWED_HOSTS",
    "WAYBILL_ALLOW_PRIVATE_NETWORKS",
    "WAYBILL_AWS_ENDPOINT",
    "WAYBILL_PUBSUB_ENDPOINT",
    "WAYBILL_REQUIRE_MFA",
    "WAYBILL_TRUSTED_PROXIES",
    "WAYBILL_OIDC_PROVIDERS",
    "EMAIL_URL",
):
    os.environ.pop(name, None)
for name in ("SCHEMES", "PORTS", "NETWORKS", "HOSTS"):
    os.environ.pop(f"WAYBILL_OUTBOUND_{name}", None)

server = EmbeddedPostgres(open_home())
os.environ["DATABASE_URL"] = server.start()


def pytest_unconfigure() -> None:
    """The last one out stops the server."""
    server.stop()
