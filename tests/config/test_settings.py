"""Settings refuse what they cannot mean."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from cryptography.fernet import Fernet
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured

from config import reads, settings
from destinations.apps import check_endpoints


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("1", True), ("ON", True), ("no", False), ("0", False), ("False", False)],
)
def test_a_flag_is_true_or_false(text, value):
    assert reads.flag("SOME_FLAG", text) is value


def test_a_flag_that_is_neither_is_refused():
    with pytest.raises(ImproperlyConfigured, match="SOME_FLAG is true or false, not 'maybe'"):
        reads.flag("SOME_FLAG", "maybe")


KEY = Fernet.generate_key().decode()
OTHER_KEY = Fernet.generate_key().decode()


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (KEY, [KEY]),
        (f"{KEY},{OTHER_KEY}", [KEY, OTHER_KEY]),
        (f" {KEY} , {OTHER_KEY},\n", [KEY, OTHER_KEY]),
    ],
    ids=["one", "two", "spaced"],
)
def test_encryption_keys_are_read_in_their_order(text, keys):
    assert reads.fernet_keys("SOME_KEYS", text) == keys


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        # No key at all.
        ("", "SOME_KEYS is empty"),
        (" , ", "SOME_KEYS is empty"),
        # Too short, too long, not base64, and a good one beside a bad one.
        ("c2hvcnQ=", "SOME_KEYS holds keys of 32 bytes"),
        (KEY[:-1] + KEY, "SOME_KEYS holds keys of 32 bytes"),
        ("not base64!", "SOME_KEYS holds keys of 32 bytes"),
        ("✓" * 32, "SOME_KEYS holds keys of 32 bytes"),
        (f"{KEY},short", "SOME_KEYS holds keys of 32 bytes"),
    ],
    ids=["none", "blank", "short", "long", "no base64", "no ASCII", "one of two"],
)
def test_encryption_keys_that_are_none_are_refused_and_not_quoted(text, complaint):
    with pytest.raises(ImproperlyConfigured, match=complaint) as refused:
        reads.fernet_keys("SOME_KEYS", text)
    assert KEY not in str(refused.value)


def test_encryption_keys_must_be_set(monkeypatch):
    monkeypatch.delenv("SOME_KEYS", raising=False)
    with pytest.raises(ImproperlyConfigured, match="SOME_KEYS"):
        settings.read(reads.fernet_keys, "SOME_KEYS")


def test_what_is_not_set_is_the_default_and_nonsense_is_refused(monkeypatch):
    monkeypatch.delenv("SOME_NUMBER", raising=False)
    assert settings.read(reads.number, "SOME_NUMBER", "7", least=1) == 7

    monkeypatch.setenv("SOME_NUMBER", "0")
    with pytest.raises(ImproperlyConfigured, match="from 1 to 999999, not '0'"):
        settings.read(reads.number, "SOME_NUMBER", "7", least=1)


def test_encryption_keys_may_lie_in_a_file(monkeypatch, tmp_path):
    (tmp_path / "keys").write_text(f"{KEY},{OTHER_KEY}\n")
    monkeypatch.delenv("SOME_KEYS", raising=False)
    monkeypatch.setenv("SOME_KEYS_FILE", str(tmp_path / "keys"))

    assert settings.read(reads.fernet_keys, "SOME_KEYS") == [KEY, OTHER_KEY]


@pytest.mark.parametrize("name", ["botocore", "aiobotocore", "urllib3", "google.auth"])
def test_clients_that_write_secrets_down_at_debug_are_kept_from_it(name):
    assert settings.LOGGING["loggers"][name]["level"] == "INFO"


# --- where Waybill may call -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (reads.schemes, "https,http", {"https", "http"}),
        (reads.schemes, " HTTPS ", {"https"}),
        (reads.ports, "", ()),
        (reads.ports, "443, 8000-8999,", ((443, 443), (8000, 8999))),
        (reads.ports, "1-65535", ((1, 65_535),)),
        (reads.networks, "", ()),
        (
            reads.networks,
            "10.1.0.0/16,fd00::/8, 192.168.0.7",
            tuple(map(ip_network, ("10.1.0.0/16", "fd00::/8", "192.168.0.7/32"))),
        ),
        (reads.hosts, "", set()),
        (
            reads.hosts,
            "Hooks.Internal.example., *.svc.cluster.local,a_b,localhost",
            {"hooks.internal.example", "*.svc.cluster.local", "a_b", "localhost"},
        ),
    ],
)
def test_a_list_of_what_may_be_called_is_read(read, text, value):
    assert read("WAYBILL_X", text) == value


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (reads.schemes, ""),
        (reads.schemes, "ftp"),
        (reads.schemes, "https://"),
        (reads.ports, "http"),
        (reads.ports, "0"),
        (reads.ports, "65536"),
        (reads.ports, "9-8"),
        (reads.ports, "-80"),
        (reads.ports, "80-"),
        (reads.ports, "8_0"),
        (reads.ports, "²"),
        (reads.networks, "10.0.0.1/8"),  # bits of a host
        (reads.networks, "10.0.0"),
        (reads.networks, "10.0.0.0/33"),
        (reads.networks, "internal.example"),
        (reads.hosts, "https://internal.example"),
        (reads.hosts, "internal.example:80"),
        (reads.hosts, "*"),  # everything
        (reads.hosts, "a.*.example"),
        (reads.hosts, "a..b"),
        (reads.hosts, "bücher.example"),
        (reads.hosts, "10.0.0.1"),
        (reads.hosts, "::1"),
    ],
)
def test_nonsense_in_a_list_is_refused_by_the_settings_name(read, text):
    with pytest.raises(ImproperlyConfigured, match="WAYBILL_X"):
        read("WAYBILL_X", text)


@pytest.mark.parametrize(("text", "least"), [("0", 0), ("1", 1), ("007", 1), ("999999", 0)])
def test_a_number_is_whole_and_large_enough(text, least):
    assert reads.number("WAYBILL_X", text, least=least) == int(text)


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "x", "1000000", "\u00b2", "1 "])
def test_a_number_that_is_none_is_refused(text):
    with pytest.raises(ImproperlyConfigured, match="WAYBILL_X is a whole number from 1"):
        reads.number("WAYBILL_X", text, least=1)


@pytest.mark.parametrize("text", ["nan", "inf", "-1", "2.5", "1e9", "301"])
def test_seconds_that_nobody_could_wait_are_refused(text):
    with pytest.raises(ImproperlyConfigured, match="WAYBILL_X is a whole number from 0 to 300,"):
        reads.number("WAYBILL_X", text, most=300)


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (reads.endpoint, ""),
        (reads.endpoint, "http://127.0.0.1:4566"),
        (reads.endpoint, "https://localstack.example/"),
        (reads.address, ""),
        (reads.address, "127.0.0.1:8085"),
    ],
)
def test_an_endpoint_is_empty_or_looks_like_one(read, text):
    assert read("SOME_ENDPOINT", text) == text


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (reads.endpoint, "127.0.0.1:4566"),
        (reads.endpoint, "http://"),
        (reads.endpoint, "http://a/b"),
        (reads.address, "127.0.0.1"),
        (reads.address, "http://127.0.0.1:8085"),
    ],
)
def test_an_endpoint_that_is_none_is_refused(read, text):
    with pytest.raises(ImproperlyConfigured, match="SOME_ENDPOINT looks like"):
        read("SOME_ENDPOINT", text)


def test_an_endpoint_for_tests_is_warned_of(monkeypatch):
    monkeypatch.setattr(django_settings, "AWS_ENDPOINT", "http://127.0.0.1:1")
    (warning,) = check_endpoints()
    assert "WAYBILL_AWS_ENDPOINT" in warning.msg
