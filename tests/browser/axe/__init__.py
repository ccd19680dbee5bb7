"""axe-core's judgement of a page, light and dark."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

SOURCE = Path(__file__).parent / "node_modules/axe-core/axe.min.js"
GRAVE = ("serious", "critical")
RUN = """
async (options) => (await axe.run(document, {resultTypes: ["violations"], ...options})).violations
"""
# Dark is the same page in other colours: what else it says has been judged.
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
SWITCH = """
(dark) => new Promise((resolve) => {
  document.documentElement.classList.toggle("dark", dark);
  requestAnimationFrame(() => requestAnimationFrame(resolve));
})
"""


@functools.cache
def read_source() -> str:
    """The script, as npm has put it there."""
    return SOURCE.read_text()


def find_faults(page: Page) -> list[str]:
    """What is grave of the page that is shown, each with where and why."""
    page.wait_for_function("!document.documentElement.hasAttribute('x-cloak')")
    # Colours that are on their way are nobody's.
    page.add_style_tag(content="*, *::before, *::after { transition: none !important }")
    page.evaluate(read_source())
    page.evaluate(SWITCH, arg=False)
    light = _tell("light", page.evaluate(RUN, arg={}))
    page.evaluate(SWITCH, arg=True)
    return light + _tell("dark", page.evaluate(RUN, arg=COLOURS))


def _tell(scheme: str, violations: list[dict[str, Any]]) -> list[str]:
    return [
        f"{scheme}: {found['id']} ({found['impact']}) at {node['target']}: "
        f"{node['html'][:160]}\n    {node['failureSummary'].splitlines()[-1].strip()}"
        for found in violations
        if found["impact"] in GRAVE
        for node in found["nodes"]
    ]
