"""Where Waybill may call: URLs, hosts and addresses, judged by what the operator allows.

Nothing here asks a name server; `outbound` does, and has every address judged before it
connects to it.
"""

from __future__ import annotations

import functools
import ipaddress
import re
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from yarl import URL

from config.errors import RuleError

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

# As Debian's /etc/hosts and RFC 6761 name it; with what a resolver makes of them.
LOOPBACK_NAMES = frozenset(["localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"])
LOOPBACK = ("127.0.0.1", "::1")


# A name in its ASCII form, and the last label of what can only be an address (URL Standard,
# section 3.5).
NAME = re.compile(r"[A-Za-z0-9_.-]+")
NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")


def _networks(*texts: str) -> tuple[IPNetwork, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


# Special-purpose addresses that `ipaddress` calls global, or does in some of its releases.
SPECIAL_NETWORKS = _networks(
    "192.0.0.0/24",  # IETF protocol assignments
    "192.88.99.0/24",  # relays of 6to4, which are no more (RFC 7526)
    "64:ff9b:1::/48",  # NAT64 inside a network (RFC 8215)
    "2001::/23",  # IETF protocol assignments, Teredo among them
    "3fff::/20",  # documentation (RFC 9637)
    "5f00::/16",  # segment routing (RFC 9602)
    "fec0::/10",  # site-local (RFC 3879)
)
# What tells a cloud's machines who they are, and gives them keys: no private network to call.
METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",  # AWS, Azure, Google, and most others
        "169.254.170.2",  # AWS, for containers
        "169.254.170.23",  # AWS, for pods
        "168.63.129.16",  # Azure's host, at an address that looks public
        "100.100.100.200",  # Alibaba
        "192.0.0.192",  # Oracle
        "fd00:ec2::254",  # AWS
        "fd00:ec2::23",  # AWS, for pods
        "fd20:ce::254",  # Google
    )
)
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# What an IPv6 interface that tunnels to an IPv4 address ends with: 64 bits without the address.
ISATAP = frozenset([0x00005EFE, 0x02005EFE])
# Ports of services that are not HTTP and might take a request for their own language: those of
# the Fetch standard (section 2.9), and of databases, queues and remote access, which it lacks.
REFUSED_PORTS = frozenset(
    [
        *(1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95),
        *(101, 102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161),
        *(179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563),
        *(587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060),
        *(5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080),
        *(445, 873, 1433, 1521, 2181, 2375, 2376, 3306, 3389, 5432, 5671, 5672, 5900, 6379),
        *(9042, 9092, 11211, 27017),
    ]
)


class AddressRefusedError(RuleError):
    """The URL may not be called: its scheme, its shape, or where it leads."""

    code = "ADDRESS_REFUSED"


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator allows (docs/configuration.md)."""

    allow_private: bool
    schemes: frozenset[str] = frozenset(["https", "http"])
    # Both ends included; none: every port but `REFUSED_PORTS`.
    ports: tuple[tuple[int, int], ...] = ()
    # May be called although they are not public.
    networks: tuple[IPNetwork, ...] = ()
    # May lead to addresses that are not public; `*.example` stands for every name below it.
    hosts: frozenset[str] = frozenset()

    def admits_port(self, port: int) -> bool:
        """Whether the port may be called."""
        if self.ports:
            return any(low <= port <= high for low, high in self.ports)
        return port not in REFUSED_PORTS

    def trusts(self, host: str) -> bool:
        """Whether the name may lead anywhere but to a cloud's metadata."""
        if not self.hosts:
            return False
        labels = host.lower().rstrip(".").split(".")
        above = ("*." + ".".join(labels[start:]) for start in range(1, len(labels)))
        return ".".join(labels) in self.hosts or any(name in self.hosts for name in above)


def read_policy(*, allow_private: bool) -> Policy:
    """The policy of the settings."""
    return Policy(
        allow_private,
        settings.OUTBOUND_SCHEMES,
        settings.OUTBOUND_PORTS,
        settings.OUTBOUND_NETWORKS,
        settings.OUTBOUND_HOSTS,
    )


@functools.lru_cache(maxsize=4_096)
def check_url(url: str, policy: Policy) -> None:
    """Refuse what can be refused without the network: `AddressRefusedError` says why."""
    try:
        # Read as aiohttp will read it, so that both mean the same host.
        target = URL(url)
        host = (target.raw_host or "").rstrip(".")
        host.encode("idna")
        has_credentials = "@" in urlsplit(url).netloc
    except (ValueError, IndexError) as error:  # yarl raises both
        raise AddressRefusedError(f"The URL cannot be read: {error}.") from error
    if target.scheme not in policy.schemes:
        allowed = " or ".join(f"{scheme}://" for scheme in sorted(policy.schemes, reverse=True))
        raise AddressRefusedError(f"The URL must start with {allowed}.")
    if not host:
        raise AddressRefusedError("The URL names no host.")
    if has_credentials:
        raise AddressRefusedError("The URL holds credentials; put them into a credential.")
    if not target.port or not policy.admits_port(target.port):
        raise AddressRefusedError(f"Port {target.port} may not be called.")
    _check_host(host, policy)


def _check_host(host: str, policy: Policy) -> None:
    """Judge what needs no name server: an address, in whatever spelling, and our own names."""
    if ":" in host:
        check_address(host, policy)
    elif host in LOOPBACK_NAMES or host.endswith(".localhost"):
        for address in LOOPBACK:
            check_address(address, policy, host=host)
    elif spelled := _read_number(host):
        check_address(spelled, policy)
        if spelled != host:
            raise AddressRefusedError(f"Write {host} as {spelled}.")
    elif not NAME.fullmatch(host) or NUMBER.fullmatch(host.rpartition(".")[2]):
        raise AddressRefusedError(f"{host} is neither a name nor an address.")


def _read_number(host: str) -> str:
    """The address that a resolver reads in 127.1, 0x7f000001 or 2130706433; empty for a name."""
    try:
        found = socket.getaddrinfo(host, None, family=socket.AF_INET, flags=socket.AI_NUMERICHOST)
    except OSError:
        return ""
    return str(found[0][4][0])


def check_address(address: str, policy: Policy, *, host: str = "") -> None:
    """Refuse an address that may not be called, also when it is wrapped in an IPv6 one.

    `host` is the name that leads to it.
    """
    named = f"{host} leads to {address}, which" if host else address
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError as error:
        raise AddressRefusedError(f"{named} is no address.") from error
    inner = unwrap(ip)
    if any(one in network for network in policy.networks for one in (ip, inner)):
        return
    if ip in METADATA or inner in METADATA:
        raise AddressRefusedError(f"{named} is a metadata service of a cloud.")
    if not (policy.allow_private or policy.trusts(host) or is_public(inner)):
        raise AddressRefusedError(f"{named} is not a public address.")


def unwrap(ip: IPAddress) -> IPAddress:
    """The IPv4 address inside an IPv6 one, where that is what would be called."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    inside = ip in NAT64 or (int(ip) >> 32) & 0xFFFFFFFF in ISATAP
    last = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if inside else None
    return ip.ipv4_mapped or ip.sixtofour or last or ip


def is_public(ip: IPAddress) -> bool:
    """Whether everybody may be called there, as far as the registries of IANA tell."""
    special = any(ip in network for network in SPECIAL_NETWORKS)
    return ip.is_global and not (special or ip.is_multicast or ip.is_reserved)
