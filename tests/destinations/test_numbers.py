"""Numbers that a config could not give back are refused before they are stored."""

from __future__ import annotations

import pytest

from destinations.models import Destination
from tests.client import codes


@pytest.mark.parametrize(
    ("kind", "config", "pointer"),
    [
        ("mcp", {"endpoint": "https://a.example/", "response_time_sla_ms": 1e300},
         "/config/response_time_sla_ms"),
        ("mcp", {"endpoint": "https://a.example/", "more": [1, {"n": -1e30}]},
         "/config/more/1/n"),
    ],
)  # fmt: skip
def test_a_number_beyond_64_bits_is_refused(api, kind, config, pointer):
    body = {"label": "huge", "type": kind, "config": config}

    answer = api.put("~/destinations", body)

    assert answer.status_code == 422
    assert codes(answer) == [("INVALID_CONFIG", pointer)]
    assert not Destination.objects.exists()
    assert api.data(api.get("~/destinations"))["count"] == 0


def test_a_large_number_within_64_bits_is_kept(api):
    config = {"endpoint": "https://a.example/", "more": 2**62, "ratio": 0.5}
    made = api.data(api.put("~/destinations", {"label": "m", "type": "mcp", "config": config}))
    assert made["config"] == config
