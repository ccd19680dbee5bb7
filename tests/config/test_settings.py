"""Settings refuse what they cannot mean."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import settings


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("1", True), ("ON", True), ("no", False), ("0", False), ("False", False)],
)
def test_a_flag_is_true_or_false(monkeypatch, text, value):
    monkeypatch.setenv("SOME_FLAG", text)
    assert settings.flag("SOME_FLAG", default=not value) is value


def test_a_flag_that_is_neither_is_refused(monkeypatch):
    monkeypatch.setenv("SOME_FLAG", "maybe")
    with pytest.raises(ImproperlyConfigured, match="SOME_FLAG is true or false, not 'maybe'"):
        settings.flag("SOME_FLAG", default=False)
