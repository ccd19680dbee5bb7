"""The certificates that deliveries show to destinations, ready for use (mutual TLS)."""

from __future__ import annotations

import ssl
from collections import OrderedDict

from destinations import credentials
from destinations.keys import Secret
from destinations.outward import threads
from destinations.outward.clients import Clients

MOST = 1_000


class UnusableCertificateError(Exception):
    """The certificate and the private key of a credential are no pair that can be shown."""

    def __init__(self, secret: Secret) -> None:
        super().__init__(f"Credential {secret.id}: its certificate cannot be used: update it.")


class Certificates:
    """One TLS context for each version of a credential.

    aiohttp keeps connections apart by their context: none is shared by two certificates.
    """

    def __init__(self, clients: Clients) -> None:
        self._made: OrderedDict[tuple[int, int], ssl.SSLContext] = OrderedDict()

    async def find(self, secret: Secret | None) -> ssl.SSLContext | None:
        """The context of this credential; None where it has no certificate.

        `UnusableCertificateError` where it has one that cannot be read.
        """
        tls = secret and secret.value.get("tls")
        # A header may be called `tls`, too.
        if secret is None or not isinstance(tls, dict):
            return None
        key = (secret.id, secret.version)
        if key not in self._made:
            # Reading the machine's authorities takes milliseconds, in which others are delivered.
            try:
                made = await threads.run(credentials.make_tls_context, tls)
            except (ssl.SSLError, ValueError) as error:
                raise UnusableCertificateError(secret) from error
            # Whoever was first: attempts at once share their connections.
            self._made.setdefault(key, made)
        self._made.move_to_end(key)
        found = self._made[key]
        while len(self._made) > MOST:
            self._made.popitem(last=False)
        return found

    async def close(self) -> None:
        """Nothing is held open."""
        self._made.clear()
