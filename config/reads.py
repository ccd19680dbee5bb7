"""Typed reads of settings: what is written there, or a refusal that names it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import TypeVar

from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
T = TypeVar("T")

LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
PORTS = re.compile(r"[0-9]{1,5}(?:-[0-9]{1,5})?")
HOST = re.compile(rf"(?:\*\.)?{LABEL}(?:\.{LABEL})*")


def flag(name: str, text: str) -> bool:
    """Yes or no; what is neither is refused."""
    if text.lower() not in {"true", "1", "yes", "on", "false", "0", "no", "off"}:
        raise ImproperlyConfigured(f"{name} is true or false, not {text!r}.")
    return text.lower() in {"true", "1", "yes", "on"}


def fernet_keys(name: str, text: str) -> list[str]:
    """Keys of 32 bytes in URL-safe base64, as `Fernet.generate_key` makes them."""
    keys = [key.strip() for key in text.split(",") if key.strip()]
    try:
        for key in keys:
            Fernet(key)
    except ValueError as error:
        raise ImproperlyConfigured(
            f"{name} holds keys of 32 bytes in URL-safe base64, separated by commas."
        ) from error
    if not keys:
        raise ImproperlyConfigured(f"{name} is empty.")
    return keys


def endpoint(name: str, text: str) -> str:
    """Where something is reached over HTTP, like `http://127.0.0.1:4566`, or nothing."""
    if text and not re.fullmatch(r"https?://[^/]+/?", text):
        raise ImproperlyConfigured(f"{name} looks like http://127.0.0.1:4566, not {text!r}.")
    return text


def address(name: str, text: str) -> str:
    """A host and its port, like `127.0.0.1:8085`, or nothing."""
    if text and not re.fullmatch(r"[^/]+:[0-9]+", text):
        raise ImproperlyConfigured(f"{name} looks like 127.0.0.1:8085, not {text!r}.")
    return text


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


def number(name: str, text: str, *, least: int = 0, most: int = 999_999) -> int:
    """A whole number that is neither too small nor too great."""
    if not re.fullmatch(r"[0-9]{1,6}", text) or not least <= int(text) <= most:
        message = f"{name} is a whole number from {least} to {most}, not {text!r}."
        raise ImproperlyConfigured(message)
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
