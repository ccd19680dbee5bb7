"""Configs against the published contract file, which is read here by an independent validator."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from destinations import kinds, schemas
from destinations.kinds import KINDS, find_config_faults
from destinations.models import Kind
from tests.destinations.contract import CONFIG_BRANCHES, CONFIG_ORACLES, ORACLE_FORMATS

# --- strategies: configs as the contract wants them, then with one thing changed ------------------

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.sampled_from([1.0, 1.5, 2**53, -0.0]),
    st.text(max_size=4),
    st.sampled_from(["ack", "mod_ack", "nack", "", "https://hooks.example.com/", "a:b", "/path"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
NAMES = st.sampled_from(
    ["url", "headers", "signaling", "enabled", "default", "namespace", "region", "extra", "type"]
)
URLS = st.sampled_from(
    [
        "https://hooks.example.com/orders?x=1#y",
        "http://8.8.8.8:8080",
        "urn:example:order",  # a URI, though none that can be called
        "https://exämple.com/",  # an IRI, not a URI
        "https://example.com/a b",
        "//example.com",
        "https://[::1",
        "http://example.com/%zz",
        "",
    ]
)
PLACES = st.one_of(
    st.sampled_from(["https://hooks.example.com/orders", "http://8.8.8.8/"]), URLS, URLS
)
# Addresses and names, and what is ours in configs that the contract leaves open.
RULES_OF_OURS = {
    Kind.WEBHOOK: {("ADDRESS_REFUSED", "/config/url"), ("INVALID_CONFIG", "/config/headers")},
    Kind.AWS_SQS: {
        ("ADDRESS_REFUSED", "/config/queue_url"),
        ("INVALID_CONFIG", "/config/queue_url"),
        ("INVALID_CONFIG", "/config/region"),
        ("INVALID_CONFIG", "/config/signaling"),
    },
    Kind.MCP: {
        ("ADDRESS_REFUSED", "/config/endpoint"),
        ("INVALID_CONFIG", "/config/tool"),
    },
    Kind.GOOGLE_PUBSUB: {
        ("INVALID_CONFIG", "/config/project_id"),
        ("INVALID_CONFIG", "/config/topic_id"),
        ("INVALID_CONFIG", "/config/ordering"),
        ("INVALID_CONFIG", "/config/signaling"),
    },
}
DEFAULTS = st.sampled_from(["ack", "mod_ack"])
SIGNALING = st.one_of(
    st.fixed_dictionaries({"enabled": st.just(True), "default": DEFAULTS}),
    st.fixed_dictionaries({"enabled": st.just(False)}, optional={"default": DEFAULTS}),
    VALUES,
)
SLA = {"response_time_sla_ms": st.integers(1, 10_000)}
HEADERS = st.dictionaries(st.sampled_from(["x-one", "X-Two"]), st.sampled_from(["1", "a b", ""]))
CONFIGS = {
    Kind.WEBHOOK: st.fixed_dictionaries(
        {"url": PLACES}, optional={"headers": HEADERS, "signaling": SIGNALING, **SLA}
    ),
    Kind.SDK: st.fixed_dictionaries(
        {"namespace": st.text(max_size=4)}, optional={"signaling": SIGNALING, **SLA}
    ),
    Kind.GOOGLE_PUBSUB: st.fixed_dictionaries(
        {"project_id": st.text(max_size=4), "topic_id": st.text(max_size=4)}, optional=SLA
    ),
    Kind.AWS_SQS: st.fixed_dictionaries(
        {"queue_url": PLACES}, optional={"region": st.text(max_size=4), **SLA}
    ),
    Kind.MCP: st.fixed_dictionaries({"endpoint": PLACES}, optional=SLA),
    Kind.DEFAULT_SINK: st.just({}),
}


# Where in the config of a kind it is written whom we call.
@st.composite
def mutated(draw, configs):
    """A config with a key taken, given, or set to something else, here or one level down."""
    config = copy.deepcopy(draw(configs))
    inner = [value for value in config.values() if isinstance(value, dict)]
    target = draw(st.sampled_from([config, *inner]))
    keys = NAMES | st.sampled_from(sorted(target)) if target else NAMES
    key = draw(keys)
    if draw(st.booleans()):
        target.pop(key, None)
    else:
        target[key] = draw(VALUES)
    return config


def assert_judged_as_the_contract_does(kind, config):
    faults = find_config_faults(kind, config)
    if not CONFIG_ORACLES[kind].is_valid(config):
        assert {fault.code for fault in faults} == {"INVALID_CONFIG"}
        assert not any(fault.pointer.startswith("/config/url/") for fault in faults)
    else:
        # What is left are the rules that the contract cannot state.
        for fault in faults:
            pointer = "/".join(fault.pointer.split("/")[:3])
            assert (fault.code, pointer) in RULES_OF_OURS.get(kind, ())


@pytest.mark.parametrize("kind", Kind.values)
def test_a_config_is_judged_as_the_contract_file_judges_it(kind):
    @settings(max_examples=60)
    @given(CONFIGS[kind])
    def judge(config):
        assert_judged_as_the_contract_does(kind, config)

    judge()


@pytest.mark.parametrize("kind", Kind.values)
def test_a_config_with_one_thing_changed_is_judged_as_the_contract_file_judges_it(kind):
    @settings(max_examples=120)
    @given(mutated(CONFIGS[kind]))
    def judge(config):
        assert_judged_as_the_contract_does(kind, config)

    judge()


@pytest.mark.parametrize("kind", Kind.values)
def test_anything_at_all_is_judged_as_the_contract_file_judges_it(kind):
    @settings(max_examples=25)
    @given(VALUES)
    def judge(config):
        assert_judged_as_the_contract_does(kind, config)

    judge()


# --- what is written twice ------------------------------------------------------------------------


def test_the_oracle_checks_formats():
    assert "uri" in ORACLE_FORMATS.checkers


def test_the_kinds_table_covers_the_enum_and_the_contract():
    assert list(KINDS) == list(Kind.values)
    assert set(CONFIG_BRANCHES) == set(Kind.values)


@pytest.mark.parametrize("kind", Kind.values)
def test_the_config_schema_is_the_contracts_own(kind):
    assert CONFIG_BRANCHES[kind] == KINDS[kind].CONFIG


@pytest.mark.parametrize("kind", Kind.values)
def test_the_example_of_a_kind_is_valid(kind):
    assert find_config_faults(kind, KINDS[kind].EXAMPLE) == []


def test_the_documented_union_is_the_kinds_own_schemas():
    configs = [branch["properties"]["config"] for branch in schemas.TYPED_CONFIG["anyOf"]]
    assert configs == [module.CONFIG for module in KINDS.values()]


@pytest.mark.parametrize(
    ("kind", "pushed"),
    [
        ("webhook", True),
        ("sdk", False),  # pulled
        ("google_pubsub", True),
        ("aws_sqs", True),
        ("mcp", True),
        ("default_sink", False),  # settles when it is accepted
    ],
)
def test_only_kinds_that_deliver_are_pushed(kind, pushed):
    assert kinds.is_pushed(kind) is pushed


# --- where the fault is ---------------------------------------------------------------------------

HOOK = {"url": "https://hooks.example.com/"}
TOOLS = {"endpoint": "https://tools.example.com/mcp"}


@pytest.mark.parametrize(
    ("kind", "config", "pointers"),
    [
        ("webhook", {}, ["/config/url"]),  # missing
        ("webhook", {"url": 7}, ["/config/url"]),
        ("webhook", {"url": None}, ["/config/url"]),
        ("webhook", {"url": "no uri"}, ["/config/url"]),
        ("webhook", {"url": "/relative"}, ["/config/url"]),
        ("webhook", HOOK | {"retries": 3}, ["/config/retries"]),  # unknown
        ("webhook", HOOK | {"a/b~c": 3}, ["/config/a~1b~0c"]),  # escaped
        ("webhook", HOOK | {"headers": []}, ["/config/headers"]),
        ("webhook", HOOK | {"headers": {"x-a": 1}}, ["/config/headers/x-a"]),
        ("webhook", HOOK | {"headers": {"x-a": None}}, ["/config/headers/x-a"]),
        ("webhook", HOOK | {"signaling": {}}, ["/config/signaling/enabled"]),
        ("webhook", HOOK | {"signaling": {"enabled": True}}, ["/config/signaling/default"]),
        (
            "webhook",
            HOOK | {"signaling": {"enabled": True, "default": "nack"}},
            ["/config/signaling/default"],
        ),
        (
            "webhook",
            HOOK | {"signaling": {"enabled": False, "default": "nack"}},
            ["/config/signaling/default"],
        ),
        (
            "webhook",
            HOOK | {"signaling": {"enabled": True, "default": "ack", "x": 1}},
            ["/config/signaling/x"],
        ),
        ("webhook", HOOK | {"response_time_sla_ms": 0}, ["/config/response_time_sla_ms"]),
        ("webhook", HOOK | {"response_time_sla_ms": 1.5}, ["/config/response_time_sla_ms"]),
        ("webhook", HOOK | {"response_time_sla_ms": True}, ["/config/response_time_sla_ms"]),
        ("webhook", {"x": 1, "headers": 2}, ["/config/x", "/config/headers", "/config/url"]),  # all
        ("sdk", {}, ["/config/namespace"]),
        ("sdk", {"namespace": "n", "url": "https://a.example"}, ["/config/url"]),  # not its field
        ("google_pubsub", {}, ["/config/project_id", "/config/topic_id"]),
        ("google_pubsub", {"project_id": 1, "topic_id": "t"}, ["/config/project_id"]),
        ("aws_sqs", {"region": "eu"}, ["/config/queue_url"]),
        ("aws_sqs", {"queue_url": "https://a.example", "region": 1}, ["/config/region"]),
        ("mcp", {"endpoint": "tools"}, ["/config/endpoint"]),
        ("mcp", TOOLS | {"tool": ""}, ["/config/tool"]),
        ("mcp", TOOLS | {"tool": 1}, ["/config/tool"]),
        ("mcp", TOOLS | {"tool": None}, ["/config/tool"]),
        ("mcp", TOOLS | {"tool": "a\nb"}, ["/config/tool"]),
        ("mcp", TOOLS | {"tool": "x" * 256}, ["/config/tool"]),
        ("default_sink", {"url": "https://a.example"}, ["/config/url"]),
        ("default_sink", [], ["/config"]),  # no object
    ],
)
def test_every_fault_of_a_config_is_pointed_at(kind, config, pointers):
    faults = find_config_faults(kind, config)

    assert {fault.pointer for fault in faults} == set(pointers)
    assert {fault.code for fault in faults} == {"INVALID_CONFIG"}


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        # The contract does not close these three.
        ("google_pubsub", kinds.google_pubsub.EXAMPLE | {"ordering": True, "more": 1}),
        ("aws_sqs", kinds.aws_sqs.EXAMPLE | {"fifo": {"group": "g"}}),
        ("mcp", {"endpoint": "https://tools.example.com/mcp", "tool": "search"}),
        # An integer is an integer, however it is spelled.
        ("sdk", {"namespace": "", "response_time_sla_ms": 1.0}),
    ],
)
def test_what_the_contract_leaves_open_is_accepted(kind, config):
    assert find_config_faults(kind, config) == []
