"""Every table of the admin, its form, a row: with a screen reader, in any light, on a phone."""

from __future__ import annotations

import pytest

from tests.browser import everybody, tour
from tests.browser.conftest import Visiting

MODELS = tour.list_tables()
# The first row, and the way to a new one, by whatever is in the list.
FORMS = """
(list) => [...new Set(
  [`a[href^="${list}add/"]`, `#result_list th a[href*="/change/"]`]
    .map((link) => document.querySelector(link)?.getAttribute("href"))
    .filter(Boolean))]
"""


@pytest.mark.parametrize("model", MODELS)
def test_a_table_and_its_forms_can_be_used_by_everybody(look: Visiting, model: str):
    one = look()
    found = {}
    page = one.go(MODELS[model])
    for path in ["", *page.evaluate(FORMS, arg=MODELS[model])]:
        if path:
            one.go(path)
        found[page.url] = everybody.find_faults(one)

    told = [f"{url}\n  {fault}" for url, faults in found.items() for fault in faults]
    assert not told, "\n".join(told)
