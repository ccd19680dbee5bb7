"""Which URLs and addresses may be called: `addresses`, and the resolver that asks it."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

import pytest
from aiohttp.abc import AbstractResolver
from aiohttp.helpers import is_canonical_ipv4_address
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from destinations.outward import addresses, outbound
from destinations.outward.addresses import AddressRefusedError, Policy

# Refused while private networks are not allowed; another row allows them.
PRIVATE = [
    "http://10.0.0.1/",  # RFC 1918
    "http://10.255.255.255/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.168.0.1/",
    "http://127.0.0.1/",  # loopback
    "http://127.255.255.254/",
    "http://0.0.0.0/",  # "this host", which Linux takes for loopback
    "http://0.1.2.3/",
    "http://169.254.0.1/",  # link-local
    "http://100.64.0.1/",  # carrier-grade NAT
    "http://100.127.255.255/",
    "http://192.0.0.1/",  # protocol assignments
    "http://192.0.0.9/",
    "http://192.88.99.1/",  # 6to4 relays
    "http://192.0.2.1/",  # documentation
    "http://198.51.100.1/",
    "http://203.0.113.1/",
    "http://198.18.0.1/",  # benchmarking
    "http://198.19.255.255/",
    "http://224.0.0.1/",  # multicast
    "http://239.255.255.255/",
    "http://240.0.0.1/",  # reserved
    "http://255.255.255.255/",  # broadcast
    "http://127.0.0.1./",  # trailing dot
    "http://①②⑦.⓪.⓪.①/",  # digits that IDNA turns into ASCII
    "http://127。0。0。1/",  # so it does with this full stop
    "http://\uff11\uff12\uff17.\uff10.0.\uff11/",  # full-width
    "http://127.0.0.1\t/",  # what a parser may strip
    "http://\n127.0.0.1/",
    "http://127.0.0.1#@example.com/",  # a fragment that looks like the host
    "http://127.0.0.1?@example.com/",
    # IPv6
    "http://[::]/",
    "http://[::1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::ffff:127.0.0.1]/",  # IPv4-mapped
    "http://[::127.0.0.1]/",  # IPv4-compatible
    "http://[::ffff:0:127.0.0.1]/",  # IPv4-translated
    "http://[64:ff9b::7f00:1]/",  # NAT64
    "http://[64:ff9b:1::1]/",  # NAT64 inside a network
    "http://[2002:7f00:1::]/",  # 6to4
    "http://[2001::1]/",  # Teredo
    "http://[2001:0:7f00:1::]/",
    "http://[2606:4700::5efe:7f00:1]/",  # ISATAP
    "http://[2606:4700::200:5efe:a00:1]/",
    "http://[2001:db8::1]/",  # documentation
    "http://[3fff::1]/",
    "http://[fc00::1]/",  # unique local
    "http://[fd12:3456::1]/",
    "http://[fe80::1]/",  # link-local
    "http://[fe80::1%eth0]/",
    "http://[fe80::1%25eth0]/",
    "http://[fec0::1]/",  # site-local
    "http://[ff02::1]/",  # multicast
    "http://[100::1]/",  # discard
    "http://[5f00::1]/",  # segment routing
    "http://[4000::1]/",  # unassigned
    # names
    "http://localhost/",
    "http://LOCALHOST:8080/",
    "http://localhost./",
    "http://api.localhost/",
    "http://localhost.localdomain/",
    "http://ip6-localhost/",
]
# Refused unless a row of the allow-list has the very network.
METADATA = [
    "http://169.254.169.254/latest/meta-data/",  # of most clouds
    "http://[::ffff:a9fe:a9fe]/",  # IPv4-mapped
    "http://[64:ff9b::a9fe:a9fe]/",  # NAT64
    "http://[2002:a9fe:a9fe::1]/",  # 6to4
    "http://169.254.170.2/v2/credentials",  # AWS, for containers
    "http://168.63.129.16/",  # Azure's host, which looks public
    "http://100.100.100.200/",  # Alibaba
    "http://192.0.0.192/",  # Oracle
    "http://[fd00:ec2::254]/",  # AWS
    "http://[fd20:ce::254]/",  # Google
]
# IPv4 as inet_aton reads it: refused whatever is allowed, also where the address is public.
SPELLINGS = [
    "http://2130706433/",  # decimal
    "http://0x7f000001/",  # hexadecimal
    "http://017700000001/",  # octal
    "http://0177.0.0.1/",
    "http://0x7f.0x0.0x0.0x1/",
    "http://127.1/",  # short
    "http://127.0.1/",
    "http://0/",
    "http://2852039166/",  # 169.254.169.254
    "http://0xa9fea9fe/",
    "http://134744072/",  # 8.8.8.8
    "http://0x08080808/",
    "http://010.8.8.8/",
    "http://8.8.2056/",
]
# Ports where something else than HTTP listens, whatever address is allowed.
PORTS = [
    "http://hooks.example.com:22/",  # SSH
    "http://hooks.example.com:25/",  # SMTP
    "https://hooks.example.com:53/",  # DNS
    "http://hooks.example.com:445/",  # SMB
    "http://hooks.example.com:2375/",  # Docker
    "http://hooks.example.com:3306/",  # MySQL
    "http://hooks.example.com:5432/",  # PostgreSQL
    "http://hooks.example.com:6379/",  # Redis
    "http://hooks.example.com:11211/",  # memcached
    "http://127.0.0.1:6379/",
]
# Refused whatever networks are allowed.
MALFORMED = [
    "ftp://8.8.8.8/",  # another scheme
    "file:///etc/passwd",
    "gopher://8.8.8.8/",
    "javascript:alert(1)",
    "unix:///var/run/docker.sock",
    "//8.8.8.8/",  # none
    "8.8.8.8/",
    "",
    "http://",  # no host
    "http:///path",
    "http:example.com",
    "https://?x",
    "https://.",
    "http://8.8.8.8:0/",  # no port
    "http://8.8.8.8:65536/",
    "http://8.8.8.8:-1/",
    "http://8.8.8.8:http/",
    "http://user@example.com/",  # credentials
    "http://user:secret@example.com/",
    "http://:secret@example.com/",
    "http://@example.com/",
    "http://example.com\\@127.0.0.1/",
    "http://[::1",  # not an address
    "http://[8.8.8.8]/",
    "http://[]@",
    "http://a..b/",  # not a name
    "http://exa mple.com/",
    "http://example.com%2f/",
    "http://%3127.0.0.1/",
    "http://127.0.0.1%00.example.com/",
    "http://256.256.256.256/",  # nor an address, which it looks like
    "http://08.8.8.8/",
    "http://4294967296/",
    "http://1.2.3.4.5/",
    "http://example.0x/",
    "http:/\\127.0.0.1/",
    "http://" + "a" * 64 + ".example.com/",
]
PUBLIC = [
    "https://example.com",
    "https://example.com./",  # the root's dot
    "HTTPS://EXAMPLE.COM/Path?query#fragment",
    "https://example.com:8443/",
    "https://example.com:/",
    "http://8.8.8.8/",
    "http://172.32.0.1/",  # right after a private network
    "http://100.128.0.1/",
    "http://[2606:4700::1111]/",
    "http://[::ffff:8.8.8.8]/",  # a public address, wrapped
    "http://[64:ff9b::808:808]/",
    "http://[2002:808:808::1]/",
    "http://[2606:4700::5efe:808:808]/",
    "https://xn--e1afmkfd.xn--p1ai/",  # IDN
    "https://пример.рф/",
    "https://under_score.example.com/",
    "https://example.com/a@b?c=@",  # an @ that is no credential
    "https://notlocalhost/",  # names are judged when they are resolved
    "https://localhost.example.com/",
    "https://127.0.0.1.example.com/",
    "https://example.com#@127.0.0.1/",
    "https://1.example/",
]


OPEN = Policy(allow_private=True)
CLOSED = Policy(allow_private=False)
POLICIES = [OPEN, CLOSED]


@pytest.mark.parametrize("url", PRIVATE)
def test_an_address_that_is_not_public_is_refused_unless_allowed(url):
    with pytest.raises(AddressRefusedError) as refused:
        addresses.check_url(url, CLOSED)
    assert refused.value.code == "ADDRESS_REFUSED"
    addresses.check_url(url, OPEN)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("url", [*METADATA, *SPELLINGS, *PORTS, *MALFORMED])
def test_a_url_that_cannot_be_called_is_always_refused(url, policy):
    with pytest.raises(AddressRefusedError):
        addresses.check_url(url, policy)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("url", PUBLIC)
def test_a_public_url_is_accepted(url, policy):
    addresses.check_url(url, policy)


def test_another_spelling_of_an_address_is_told_how_to_write_it():
    with pytest.raises(AddressRefusedError, match=r"Write 0x08080808 as 8\.8\.8\.8\."):
        addresses.check_url("http://0x08080808/", CLOSED)


# --- what an operator allows ----------------------------------------------------------------------


def networks(*texts):
    return Policy(allow_private=False, networks=tuple(map(ipaddress.ip_network, texts)))


def hosts(*names):
    return Policy(allow_private=False, hosts=frozenset(names))


def ports(*ranges):
    return Policy(allow_private=False, ports=ranges)


@pytest.mark.parametrize(
    ("policy", "url"),
    [
        (networks("10.1.0.0/16"), "http://10.1.2.3/"),
        (networks("10.1.0.0/16"), "http://[::ffff:10.1.2.3]/"),  # the same, wrapped
        (networks("10.1.0.0/16"), "http://[64:ff9b::a01:203]/"),
        (networks("64:ff9b::/96"), "http://[64:ff9b::a01:203]/"),
        (networks("fd00::/8"), "http://[fd12::1]:8080/"),
        (networks("127.0.0.0/8", "::1/128"), "http://localhost:8000/"),
        (networks("169.254.169.254/32"), "http://169.254.169.254/"),  # one's own risk
        (networks("10.1.0.0/16"), "http://8.8.8.8/"),  # what is public stays so
        (hosts("localhost"), "http://localhost:8000/"),
        (hosts("*.localhost"), "http://api.v2.localhost:8000/"),
        (ports((443, 443), (8000, 8999)), "https://hooks.example.com/"),
        (ports((443, 443), (8000, 8999)), "http://hooks.example.com:8999/"),
        (ports((1, 65_535)), "http://hooks.example.com:6379/"),  # all of them, where so written
        (Policy(allow_private=False, schemes=frozenset(["https"])), "https://hooks.example.com/"),
    ],
)
def test_what_an_operator_allows_may_be_called(policy, url):
    addresses.check_url(url, policy)


@pytest.mark.parametrize(
    ("policy", "url", "reason"),
    [
        (networks("10.1.0.0/16"), "http://10.2.0.1/", "not a public address"),
        (networks("10.1.0.0/16"), "http://127.0.0.1/", "not a public address"),
        (networks("127.0.0.0/8"), "http://localhost/", "localhost leads to ::1, which is not"),
        (networks("169.254.0.0/24"), "http://169.254.169.254/", "metadata"),
        (networks("127.0.0.0/8"), "http://127.1/", r"Write 127\.1 as 127\.0\.0\.1\."),
        (hosts("*.localhost"), "http://localhost/", "not a public address"),  # below it only
        (hosts("hooks.localhost"), "http://xhooks.localhost/", "not a public address"),
        (
            hosts("localhost"),
            "http://127.0.0.1/",
            "not a public address",
        ),  # the name, not its address
        (ports((443, 443)), "http://hooks.example.com/", r"Port 80 may not be called"),
        (ports((443, 443)), "https://hooks.example.com:444/", "Port 444"),
        (
            Policy(allow_private=True, schemes=frozenset(["https"])),
            "http://hooks.example.com/",
            "must start with https://",
        ),
    ],
)
def test_what_an_operator_does_not_allow_is_refused(policy, url, reason):
    with pytest.raises(AddressRefusedError, match=reason):
        addresses.check_url(url, policy)


def test_the_policy_is_that_of_the_settings(settings):
    settings.OUTBOUND_SCHEMES = frozenset(["https"])
    settings.OUTBOUND_PORTS = ((443, 443),)
    settings.OUTBOUND_NETWORKS = (ipaddress.ip_network("10.0.0.0/8"),)
    settings.OUTBOUND_HOSTS = frozenset(["inside.example"])

    policy = addresses.read_policy(allow_private=False)

    assert policy == Policy(
        False,
        settings.OUTBOUND_SCHEMES,
        settings.OUTBOUND_PORTS,
        settings.OUTBOUND_NETWORKS,
        settings.OUTBOUND_HOSTS,
    )


def test_no_name_server_is_asked_about_a_url(monkeypatch):
    asked = []
    real = socket.getaddrinfo

    def numeric_only(host, port, **options):
        asked.append(host)
        assert options["flags"] & socket.AI_NUMERICHOST
        return real(host, port, **options)

    monkeypatch.setattr(socket, "getaddrinfo", numeric_only)
    addresses.check_url.cache_clear()
    addresses.check_url("https://rebind.example.com/", Policy(allow_private=False))
    assert asked == ["rebind.example.com"]


HOSTS = st.one_of(
    st.text(alphabet="0123456789.xa:[]%@\\/#?①。", max_size=12),
    st.ip_addresses().map(str),
    st.ip_addresses(v=6).map(lambda ip: f"[{ip}]"),
    st.ip_addresses(v=4).map(lambda ip: str(int(ip))),
)


@given(st.builds("{}{}{}".format, st.sampled_from(["http://", "http:", "HTTP:/"]), HOSTS, HOSTS))
def test_what_is_accepted_is_what_aiohttp_will_call(url):
    """aiohttp asks no resolver about an address, so `check_url` must have judged it."""
    try:
        addresses.check_url(url, CLOSED)
    except AddressRefusedError:
        return
    host = URL(url).raw_host
    if ":" in host or is_canonical_ipv4_address(host):
        addresses.check_address(host, CLOSED)


# --- the resolver ---------------------------------------------------------------------------------


class FakeResolver(AbstractResolver):
    """Gives every name the same addresses."""

    def __init__(self, *addresses):
        self.addresses = addresses

    async def resolve(self, host, port=0, family=socket.AF_INET):
        return [{"hostname": host, "host": address} for address in self.addresses]

    async def close(self):
        pass


def resolve_as(*found, policy=CLOSED):
    async def resolve():
        resolver = outbound.CheckedResolver(policy)
        resolver._resolver = FakeResolver(*found)
        return await resolver.resolve("hooks.example.com", 443)

    return asyncio.run(resolve())


@pytest.mark.parametrize(
    "found",
    [
        ["127.0.0.1"],
        ["::1"],
        ["169.254.169.254"],
        ["8.8.8.8", "10.0.0.1"],  # one bad address spoils the name
        ["10.0.0.1", "8.8.8.8"],
        ["2606:4700::1111", "fe80::1%2"],
        ["::ffff:192.168.0.1"],
        ["64:ff9b::a00:1"],
    ],
)
def test_a_name_with_any_private_address_is_refused(found):
    with pytest.raises(AddressRefusedError, match=r"hooks\.example\.com leads to"):
        resolve_as(*found)


def test_a_name_whose_addresses_are_all_public_is_resolved():
    found = resolve_as("8.8.8.8", "2606:4700::1111")
    assert [result["host"] for result in found] == ["8.8.8.8", "2606:4700::1111"]


@pytest.mark.parametrize(
    ("policy", "found"),
    [
        (networks("10.0.0.0/8"), ["10.0.0.1", "8.8.8.8"]),
        (hosts("hooks.example.com"), ["10.0.0.1", "::1"]),
        (hosts("*.example.com"), ["fd00::1"]),
        (OPEN, ["10.0.0.1", "::1"]),
    ],
)
def test_a_name_may_lead_where_an_operator_allows_it(policy, found):
    assert [result["host"] for result in resolve_as(*found, policy=policy)] == found


@pytest.mark.parametrize(
    ("policy", "found"),
    [
        (networks("10.0.0.0/8"), ["10.0.0.1", "192.168.0.1"]),
        (hosts("other.example.com"), ["10.0.0.1"]),
        (hosts("*.hooks.example.com"), ["10.0.0.1"]),
        # Nobody's name may lead to a cloud's metadata.
        (hosts("hooks.example.com"), ["169.254.169.254"]),
        (OPEN, ["fd00:ec2::254"]),
    ],
)
def test_a_name_may_lead_nowhere_else(policy, found):
    with pytest.raises(AddressRefusedError):
        resolve_as(*found, policy=policy)


def test_what_is_no_address_is_refused():
    with pytest.raises(AddressRefusedError, match="is no address"):
        resolve_as("nowhere")
