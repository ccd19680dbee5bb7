"""Which URLs and addresses may be called: `outbound.check_url`, `check_address`, the resolver."""

from __future__ import annotations

import asyncio
import socket

import pytest
from aiohttp.abc import AbstractResolver
from aiohttp.helpers import is_canonical_ipv4_address
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from destinations import outbound
from destinations.outbound import AddressRefusedError

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
    "http://169.254.169.254/latest/meta-data/",  # the clouds' metadata
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
    # IPv4 as inet_aton reads it
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
    "http://127.0.0.1./",  # trailing dot
    "http://①②⑦.⓪.⓪.①/",  # digits that IDNA turns into ASCII
    "http://127。0。0。1/",  # so it does with this full stop
    # IPv6
    "http://[::]/",
    "http://[::1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::ffff:127.0.0.1]/",  # IPv4-mapped
    "http://[::ffff:a9fe:a9fe]/",
    "http://[::127.0.0.1]/",  # IPv4-compatible
    "http://[::ffff:0:127.0.0.1]/",  # IPv4-translated
    "http://[64:ff9b::7f00:1]/",  # NAT64
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[64:ff9b:1::1]/",  # NAT64 inside a network
    "http://[2002:7f00:1::]/",  # 6to4
    "http://[2002:a9fe:a9fe::1]/",
    "http://[2001::1]/",  # Teredo
    "http://[2001:0:7f00:1::]/",
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
    "http://a..b/",  # not a name
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
    "http://134744072/",  # 8.8.8.8
    "https://xn--e1afmkfd.xn--p1ai/",  # IDN
    "https://пример.рф/",
    "https://under_score.example.com/",
    "https://example.com/a@b?c=@",  # an @ that is no credential
    "https://notlocalhost/",  # names are judged when they are resolved
    "https://localhost.example.com/",
    "https://127.0.0.1.example.com/",
]


@pytest.mark.parametrize("url", PRIVATE)
def test_an_address_that_is_not_public_is_refused_unless_allowed(url):
    with pytest.raises(AddressRefusedError) as refused:
        outbound.check_url(url, allow_private=False)
    assert refused.value.code == "ADDRESS_REFUSED"
    outbound.check_url(url, allow_private=True)


@pytest.mark.parametrize("allow_private", [False, True])
@pytest.mark.parametrize("url", MALFORMED)
def test_a_url_that_cannot_be_called_is_always_refused(url, allow_private):
    with pytest.raises(AddressRefusedError):
        outbound.check_url(url, allow_private=allow_private)


@pytest.mark.parametrize("allow_private", [False, True])
@pytest.mark.parametrize("url", PUBLIC)
def test_a_public_url_is_accepted(url, allow_private):
    outbound.check_url(url, allow_private=allow_private)


def test_no_name_server_is_asked_about_a_url(monkeypatch):
    asked = []
    real = socket.getaddrinfo

    def numeric_only(host, port, **options):
        asked.append(host)
        assert options["flags"] & socket.AI_NUMERICHOST
        return real(host, port, **options)

    monkeypatch.setattr(socket, "getaddrinfo", numeric_only)
    outbound.check_url("https://rebind.example.com/", allow_private=False)
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
        outbound.check_url(url, allow_private=False)
    except AddressRefusedError:
        return
    host = URL(url).raw_host
    if ":" in host or is_canonical_ipv4_address(host):
        outbound.check_address(host)


# --- the resolver ---------------------------------------------------------------------------------


class FakeResolver(AbstractResolver):
    """Gives every name the same addresses."""

    def __init__(self, *addresses):
        self.addresses = addresses

    async def resolve(self, host, port=0, family=socket.AF_INET):
        return [{"hostname": host, "host": address} for address in self.addresses]

    async def close(self):
        pass


def resolve_as(*addresses):
    async def resolve():
        resolver = outbound.CheckedResolver()
        resolver._resolver = FakeResolver(*addresses)
        return await resolver.resolve("hooks.example.com", 443)

    return asyncio.run(resolve())


@pytest.mark.parametrize(
    "addresses",
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
def test_a_name_with_any_private_address_is_refused(addresses):
    with pytest.raises(AddressRefusedError):
        resolve_as(*addresses)


def test_a_name_whose_addresses_are_all_public_is_resolved():
    found = resolve_as("8.8.8.8", "2606:4700::1111")
    assert [result["host"] for result in found] == ["8.8.8.8", "2606:4700::1111"]
