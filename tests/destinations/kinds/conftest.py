"""Brokers that tests of several modules meet, started once for each of them."""

from __future__ import annotations

import pytest

from tests.destinations.kinds import aws, pubsub, pubsub_proxy
from tests.destinations.kinds.servers import free_port, serving


@pytest.fixture(scope="module")
def ministack(tmp_path_factory):
    with aws.ministack(tmp_path_factory.mktemp("ministack"), AUTH="true") as url:
        yield url


@pytest.fixture(scope="module")
def moto(tmp_path_factory):
    with aws.moto(tmp_path_factory.mktemp("moto")) as url:
        yield url


@pytest.fixture
def account(ministack, settings):
    """An account on ministack, behind the proxy."""
    with aws.proxying(ministack) as proxy:
        settings.AWS_ENDPOINT = proxy.url
        yield aws.Account(ministack, proxy)


@pytest.fixture
def moto_account(moto, settings):
    with aws.proxying(moto) as proxy:
        settings.AWS_ENDPOINT = proxy.url
        yield aws.Account(moto, proxy)


@pytest.fixture
def keys(ministack):
    return aws.make_user(ministack, may=aws.SEND)


@pytest.fixture(scope="module", params=pubsub.SERVERS)
def upstream(request, tmp_path_factory):
    """The address of a Pub/Sub server."""
    port = free_port()
    log = tmp_path_factory.mktemp("pubsub") / "log"
    with serving(log, pubsub.make_command(request.param, port), port):
        yield f"127.0.0.1:{port}"


@pytest.fixture(scope="module")
def pair():
    return pubsub.make_key()


@pytest.fixture
def topic(upstream, pair, settings):
    private, public = pair
    with pubsub_proxy.proxying(upstream) as proxy:
        proxy.certificates = {"one": public}
        settings.PUBSUB_ENDPOINT = proxy.address
        made = pubsub.Topic(upstream, proxy, pubsub.make_account(private))
        yield made
        made.channel.close()
