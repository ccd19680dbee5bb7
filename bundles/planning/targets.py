"""What becomes of the destinations that a document names."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from bundles.planning.states import State, Target
from bundles.planning.wishes import Entry
from config.errors import DomainError, Fault
from destinations import kinds, services
from destinations.models import Kind, Protocol

IMMUTABLE = {"type": "TYPE_IMMUTABLE", "protocol": "PROTOCOL_IMMUTABLE"}
# For the addresses of all hosts together.
LOOKING_SECONDS = 10.0
PLAIN_COLUMNS = ("tags", "credential", "signing_key", "protocol")


class Aiming:
    """Goes through the destinations of a document, and gathers what is wrong with them."""

    def __init__(self, state: State) -> None:
        self.faults: list[Fault] = []
        self.state = state
        # A name server is asked once for each host, while there is time: each attempt asks again.
        self._reached: dict[Any, list[Fault]] = {}
        self._deadline = time.monotonic() + LOOKING_SECONDS

    def settle(self, pointer: str, entry: Entry) -> Target:
        """What the destination is to be."""
        before = self.state.destinations.get(entry["label"])
        said = {name: entry[name] for name in PLAIN_COLUMNS if name in entry}
        kind = before.type if before else entry["type"]
        after = replace(before or Target(kind, None), **said)
        config = entry["config"]
        if before and is_same(before.config, config):
            after = replace(after, config=before.config)
        else:
            after = replace(after, config=config)
            self.faults += self._below(pointer, self._find_config_faults(kind, config))
        self.faults += self._below(pointer, self._find_faults(entry, before, after))
        return after

    def check_credential(self, pointer: str, entry: Entry) -> None:
        """A credential that the document names is there, and of that type."""
        found = self.state.credentials.get(entry["label"])
        if found is None:
            self.faults.append(_unknown("credential", entry["label"], f"{pointer}/label"))
        elif found[1] != entry["type"]:
            message = f"The credential {entry['label']!r} is {found[1]}."
            self.faults.append(Fault("CREDENTIAL_MISMATCH", message, f"{pointer}/type"))

    def _find_config_faults(self, kind: str, config: Any) -> list[Fault]:
        faults = list(_faults_of(services.check_config, kind, config))
        address = getattr(kinds.KINDS[kind], "ADDRESS", None)
        if faults or address is None:
            return faults
        host = kind, urlsplit(config[address])[:2]
        if host not in self._reached and time.monotonic() < self._deadline:
            self._reached[host] = list(_faults_of(services.check_target, kind, config))
        return self._reached.get(host, [])

    def _find_faults(self, entry: Entry, before: Target | None, after: Target) -> Iterator[Fault]:
        for name, code in IMMUTABLE.items():
            if before and name in entry and entry[name] != getattr(before, name):
                message = f"The {name} of a destination never changes: create another one."
                yield Fault(code, message, f"/{name}")
        if after.protocol == Protocol.GATEWAY and after.type != Kind.WEBHOOK:
            yield Fault("INVALID_PROTOCOL", "Only a webhook is spoken to so.", "/protocol")
        if "credential" in entry and after.credential is not None:
            found = self.state.credentials.get(after.credential)
            if found is None:
                yield _unknown("credential", after.credential, "/credential")
            else:
                yield from _faults_of(services.check_credential, after.type, found[1])
        if "signing_key" in entry and after.signing_key is not None:
            if after.signing_key not in self.state.signing_keys:
                yield _unknown("signing key", after.signing_key, "/signing_key")
            yield from _faults_of(services.check_signed, after.type)

    def _below(self, at: str, faults: Iterator[Fault] | list[Fault]) -> list[Fault]:
        """The faults, with pointers from the document's root."""
        here = ((fault, (fault.pointer or "").removesuffix("_id")) for fault in faults)
        return [replace(fault, pointer=at + below) for fault, below in here]


def is_same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal: 1 is 1.0, and no boolean."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


def _faults_of(check: Callable[..., None], *arguments: Any) -> Iterator[Fault]:
    try:
        check(*arguments)
    except DomainError as error:
        yield from error.faults


def _unknown(what: str, label: str, pointer: str) -> Fault:
    code = f"UNKNOWN_{what.replace(' ', '_').upper()}"
    return Fault(code, f"There is no {what} {label!r}: make it first.", pointer)
