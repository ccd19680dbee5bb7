"""Example payloads of a JSON Schema."""

from __future__ import annotations

from actions.samples.generation import generate

__all__ = ["generate"]
