"""Typed reads of settings: what is written there, or a refusal that names it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import TypeVar

from django.core.exceptions import ImproperlyConfigured

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
T = TypeVar("T")

LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
PORTS = re.compile(r"[0-9]{1,5}(?:-[0-9]{1,5})?")
HOST = re.compile(rf"(?:\*\.)?{LABEL}(?:\.{LABEL})*")


def schemes(name: str, text: str) -> frozenset[str]:
    """`https`, `http`, or both."""
    found = frozenset(_read_each(name, text, _read_scheme))
    if not found:
        raise ImproperlyConfigured(f"{name} is https, http, or both.")
    return found


def ports(name: str, text: str) -> tuple[tuple[int, int], ...]:
    """Ports and ranges of them, like `443,8000-8999`, each with both its ends."""
    return tuple(_read_each(name, text, _read_ports))


def networks(name: str, text: str) -> tuple[IPNetwork, ...]:
    """Networks like `10.1.0.0/16` or `fd00::/8`; an address stands for itself."""
    return tuple(_read_each(name, text, ipaddress.ip_network))


def hosts(name: str, text: str) -> frozenset[str]:
    """Names like `hooks.internal.example`, and `*.internal.example` for all below."""
    return frozenset(_read_each(name, text, _read_host))


def number(name: str, text: str, *, least: int = 0) -> int:
    """A whole number that is not too small, nor longer than any that makes sense."""
    if not re.fullmatch(r"[0-9]{1,6}", text) or int(text) < least:
        raise ImproperlyConfigured(f"{name} is a whole number from {least}, not {text!r}.")
    return int(text)


def _read_each(name: str, text: str, read: Callable[[str], T]) -> list[T]:
    found = []
    for word in filter(None, (word.strip() for word in text.split(","))):
        try:
            found.append(read(word))
        except ValueError as error:
            raise ImproperlyConfigured(f"{name} holds {word!r}: {error}.") from error
    return found


def _read_scheme(word: str) -> str:
    if word.lower() not in {"https", "http"}:
        raise ValueError("it is https or http")
    return word.lower()


def _read_ports(word: str) -> tuple[int, int]:
    if not PORTS.fullmatch(word):
        raise ValueError("a port is a number, a range two of them")
    first, _, last = word.partition("-")
    low, high = int(first), int(last or first)
    if not 1 <= low <= high <= 65_535:
        raise ValueError("ports go from 1 to 65535")
    return low, high


def _read_host(word: str) -> str:
    name = word.lower().rstrip(".")
    if not HOST.fullmatch(name):
        raise ValueError("it is no host name (ASCII, without scheme, port or path)")
    if name.rpartition(".")[2].isdecimal():
        raise ValueError("it looks like an address, which is a matter of networks")
    return name
