"""Clients keep what they have until the edition is another one."""

from __future__ import annotations

from hashlib import sha256

import orjson

from actions.consumers import examples, offers
from actions.consumers.plain import simplify
from actions.consumers.reading import read_shapes
from actions.consumers.typescript import write_typescript
from config import validation
from tests.actions.consumers.test_pages import SCHEMA, page_of

# Whoever changes what is written raises `offers.EDITION`, and puts here what it is then; of Python
# that is what its generator is told.
WRITTEN = {2: "5ab40766340546da51e536069488f7b8a1eaab83db2152c2fd2c040f835621e5"}


def test_what_is_written_is_what_the_edition_is_known_for():
    made = [
        write_typescript(read_shapes(SCHEMA, "ship"), ["A heading."]),
        simplify(read_shapes(SCHEMA, "ship")),
        page_of("ship"),
        *examples.make_examples(SCHEMA, validation.DEFAULT_DIALECT, 10),
    ]

    assert WRITTEN[offers.EDITION] == sha256(orjson.dumps(made)).hexdigest()
