"""Example payloads, each verified by the schema's own validator."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

from actions.samples.demands import Reader
from actions.samples.documents import Document, Judge
from actions.samples.values import OutOfStepsError, Sampler, Steps
from config import strictjson, validation

MAX_STEPS = 50_000
MAX_BYTES = 100_000
# How many are looked at where no edges are asked for.
PLAIN = 2


def generate(schema: Any, *, dialect: str, limit: int, edges: bool = True) -> Iterator[Any]:
    """Up to `limit` different payloads that the admitted schema accepts, plain ones first.

    The same schema gives the same ones. With `edges`, values at every limit follow. None come of
    a schema that accepts nothing, or for which none was found within bounded steps.
    """
    document = Document("schema", schema, dialect)
    if document.unseen:
        # Guesses are all there is.
        document = Document("schema", True, dialect)
    validator = validation.compile_schema(schema, dialect=dialect)
    sampler = Sampler(Judge([document]), Reader(), Steps(MAX_STEPS))
    found = itertools.islice(_find(sampler, document), limit if edges else min(limit, PLAIN))
    yield from (value for value in found if validator.is_valid(value))


def _find(sampler: Sampler, document: Document) -> Iterator[Any]:
    """What is found before the steps run out, and may be sent as a payload."""
    values = sampler.find([document.root])
    while True:
        try:
            value = next(values)
        except (StopIteration, OutOfStepsError):
            return
        text = json.dumps(value).encode()
        if len(text) <= MAX_BYTES and strictjson.depth(text) <= strictjson.MAX_DEPTH:
            yield value
