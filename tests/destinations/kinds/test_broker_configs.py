"""What the configs of queues and topics may be, and where the fault of another one is."""

from __future__ import annotations

import pytest

from destinations import kinds
from destinations.kinds import aws_sqs

AT_URL = "/config/queue_url"
URL = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders"


@pytest.mark.parametrize(
    "config",
    [
        {"queue_url": URL},
        {"queue_url": URL, "region": "eu-central-1"},
        {"queue_url": URL + ".fifo"},
        {"queue_url": "https://sqs.us-gov-west-1.amazonaws.com/123456789012/orders"},
        {"queue_url": "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/orders"},
        {"queue_url": "https://sqs.eusc-de-east-1.amazonaws.eu/123456789012/orders"},
        {"queue_url": "https://sqs-fips.us-east-1.amazonaws.com/123456789012/orders"},
        {"queue_url": "https://sqs.eu-west-1.api.aws/123456789012/orders"},  # dual stack
        {"queue_url": "https://eu-west-1.queue.amazonaws.com/123456789012/orders"},  # legacy
        {"queue_url": "https://queue.amazonaws.com/123456789012/orders", "region": "us-east-1"},
        {"queue_url": URL, "signaling": {"enabled": True, "default": "mod_ack"}},
        {"queue_url": URL, "signaling": {"enabled": False}},
    ],
)
def test_queues_that_are_well(config):
    assert kinds.find_config_faults("aws_sqs", config) == []


@pytest.mark.parametrize(
    ("config", "code", "pointer"),
    [
        ({}, "INVALID_CONFIG", AT_URL),
        ({"queue_url": 1}, "INVALID_CONFIG", AT_URL),
        ({"queue_url": "orders"}, "INVALID_CONFIG", AT_URL),
        ({"queue_url": URL.replace("https", "http")}, "ADDRESS_REFUSED", AT_URL),
        ({"queue_url": "https://sqs.example.com/1/q"}, "ADDRESS_REFUSED", AT_URL),
        ({"queue_url": "https://127.0.0.1/123456789012/q"}, "ADDRESS_REFUSED", AT_URL),
        ({"queue_url": URL.replace(".com/", ".com.evil.example/")}, "ADDRESS_REFUSED", AT_URL),
        ({"queue_url": URL.replace("sqs.", "sqs.evil.")}, "ADDRESS_REFUSED", AT_URL),
        ({"queue_url": URL.replace("//", "//me:pw@")}, "ADDRESS_REFUSED", AT_URL),
        ({"queue_url": URL.replace(".com/", ".com:8443/")}, "ADDRESS_REFUSED", AT_URL),
        ({"queue_url": URL.replace("sqs", "s3")}, "ADDRESS_REFUSED", AT_URL),
        ({"queue_url": URL + "?x=1"}, "INVALID_CONFIG", AT_URL),
        ({"queue_url": URL + "#x"}, "INVALID_CONFIG", AT_URL),
        ({"queue_url": URL + "/more"}, "INVALID_CONFIG", AT_URL),
        ({"queue_url": URL.replace("123456789012", "acme")}, "INVALID_CONFIG", AT_URL),
        ({"queue_url": URL, "region": "Frankfurt"}, "INVALID_CONFIG", "/config/region"),
        ({"queue_url": URL, "region": ""}, "INVALID_CONFIG", "/config/region"),
        ({"queue_url": URL, "region": "us-east-1"}, "INVALID_CONFIG", "/config/region"),
        ({"queue_url": URL, "region": 1}, "INVALID_CONFIG", "/config/region"),
        ({"queue_url": URL, "signaling": True}, "INVALID_CONFIG", "/config/signaling"),
        (
            {"queue_url": URL, "signaling": {"enabled": True}},
            "INVALID_CONFIG",
            "/config/signaling/default",
        ),
        (
            {"queue_url": URL, "response_time_sla_ms": 0},
            "INVALID_CONFIG",
            "/config/response_time_sla_ms",
        ),
    ],
)
def test_faults_of_queues_are_pointed_at(config, code, pointer):
    faults = kinds.find_config_faults("aws_sqs", config)
    assert [(fault.code, fault.pointer) for fault in faults] == [(code, pointer)]


def test_the_region_is_the_urls_unless_the_config_says_more():
    for host, region in {
        "sqs.eu-west-3.amazonaws.com": "eu-west-3",
        "ap-south-1.queue.amazonaws.com": "ap-south-1",
        "queue.amazonaws.com": "us-east-1",
    }.items():
        assert aws_sqs.read_region(f"https://{host}/123456789012/q") == region


# --- topics ---

WELL = {"project_id": "acme-prod", "topic_id": "orders"}


@pytest.mark.parametrize(
    "config",
    [
        WELL,
        WELL | {"project_id": "example.com:acme-prod"},
        WELL | {"topic_id": "Orders.v1_created~+%-"},
        WELL | {"ordering": True},
        WELL | {"ordering": False, "signaling": {"enabled": False}},
    ],
)
def test_topics_that_are_well(config):
    assert kinds.find_config_faults("google_pubsub", config) == []


@pytest.mark.parametrize(
    ("config", "pointers"),
    [
        ({}, ["/config/project_id", "/config/topic_id"]),
        (WELL | {"project_id": 1}, ["/config/project_id"]),
        (WELL | {"project_id": ""}, ["/config/project_id"]),
        (WELL | {"project_id": "Acme"}, ["/config/project_id"]),
        (WELL | {"project_id": "a/b-c-d-e"}, ["/config/project_id"]),
        (WELL | {"project_id": "acme-prod-"}, ["/config/project_id"]),
        (WELL | {"project_id": "a" * 31}, ["/config/project_id"]),
        (WELL | {"topic_id": ""}, ["/config/topic_id"]),
        (WELL | {"topic_id": "ab"}, ["/config/topic_id"]),
        (WELL | {"topic_id": "1orders"}, ["/config/topic_id"]),
        (WELL | {"topic_id": "google-orders"}, ["/config/topic_id"]),
        (WELL | {"topic_id": "projects/p/topics/orders"}, ["/config/topic_id"]),
        (WELL | {"topic_id": "orders\n"}, ["/config/topic_id"]),
        (WELL | {"topic_id": "o" * 256}, ["/config/topic_id"]),
        (WELL | {"ordering": "yes"}, ["/config/ordering"]),
        (WELL | {"ordering": None}, ["/config/ordering"]),
        (WELL | {"signaling": {}}, ["/config/signaling/enabled"]),
        (WELL | {"signaling": {"enabled": True}}, ["/config/signaling/default"]),
        (WELL | {"response_time_sla_ms": 0}, ["/config/response_time_sla_ms"]),
        (
            {"project_id": "x", "topic_id": "y", "ordering": 1},
            ["/config/project_id", "/config/topic_id", "/config/ordering"],
        ),
    ],
)
def test_faults_of_topics_are_pointed_at(config, pointers):
    faults = kinds.find_config_faults("google_pubsub", config)

    assert [fault.pointer for fault in faults] == pointers
    assert {fault.code for fault in faults} == {"INVALID_CONFIG"}
