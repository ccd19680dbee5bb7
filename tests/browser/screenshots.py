"""Pictures of every page, small enough to be kept beside the code."""

from __future__ import annotations

import argparse
import io
import sys
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

from tests.browser import acts, chromium, demo, tour
from tests.browser.chromium import DESKTOP, PHONE, Visit
from tests.browser.demo import PASSWORD, Demo

FOLDER = Path(__file__).parents[2] / "docs/screenshots"
SCHEMES = ("light", "dark")
DEVICES = {"desktop": DESKTOP, "phone": PHONE}
# A page has no more shades than that, and a file of it a third of the size.
COLOURS = 256
# What is below the beginning of an endless list says no more.
TALLEST = 1_700
# Charts and what htmx fetches stand still by then.
SETTLED_MS = 400


@dataclass(frozen=True)
class Shot:
    """A picture's name, who looks, and what is done for the page to be there."""

    name: str
    viewer: str | None
    act: acts.Act


def main() -> None:
    """Take them all, or those of the pages that are named."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser", description=__doc__)
    parser.add_argument("--only", action="append", help="a page's name; may be given again")
    only = parser.parse_args().only
    FOLDER.mkdir(exist_ok=True)
    with demo.running() as there, chromium.running() as browser:
        demo.let_a_day_pass(there)
        # What is done on some pages is seen on others: those are taken first.
        all_shots = (list_pages(there), list_acts())
        known = {shot.name for shots in all_shots for shot in shots}
        for name in set(only or ()) - known:
            parser.error(f"There is no page {name!r}: {', '.join(sorted(known))}")
        for shots in all_shots:
            chosen = [shot for shot in shots if only is None or shot.name in only]
            for scheme, device in product(SCHEMES, DEVICES):
                take_all(browser, there, chosen, scheme, device)


def list_pages(there: Demo) -> list[Shot]:
    """Every page that has an address."""
    pages = tour.list_console(there) | tour.list_pictured(there) | tour.list_accounts(there)
    return [Shot(name, tour.find_viewer(name), go_to(path)) for name, path in pages.items()]


def list_acts() -> list[Shot]:
    """Every page that is an answer."""
    return [Shot(name, acts.ACTOR, act) for name, act in acts.ACTS.items()]


def go_to(path: str) -> acts.Act:
    """To open a page is an act as well."""
    return lambda _demo, visit: visit.go(path)


def take_all(browser: Browser, there: Demo, shots: list[Shot], scheme: str, device: str) -> None:
    """Each page once."""
    visits: dict[str | None, Visit] = {}
    for shot in shots:
        if shot.viewer not in visits:
            visits[shot.viewer] = chromium.open_visit(
                browser, there.origin, viewport=DEVICES[device], color_scheme=scheme
            )
            if shot.viewer:
                visits[shot.viewer].sign_in(shot.viewer, PASSWORD)
        file = FOLDER / f"{shot.name}-{scheme}-{device}.png"
        file.write_bytes(take(shot.act(there, visits[shot.viewer])))
        sys.stdout.write(f"{file.relative_to(FOLDER.parents[1])}\n")
    for visit in visits.values():
        visit.page.context.close()


def take(page: Page) -> bytes:
    """A picture of a page, from its top."""
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(SETTLED_MS)
    # As high as the page is, so that what sticks to the window's edge is not in the middle.
    size = page.viewport_size
    assert size
    height = min(TALLEST, max(size["height"], page.evaluate("document.body.scrollHeight")))
    page.set_viewport_size({"width": size["width"], "height": height})
    shot = page.screenshot(animations="disabled")
    page.set_viewport_size(size)
    kept = io.BytesIO()
    make_small(Image.open(io.BytesIO(shot)).convert("RGB")).save(kept, "PNG", optimize=True)
    return kept.getvalue()


def make_small(picture: Image.Image) -> Image.Image:
    """The same with the colours that it has most of; the few pixels of others get the nearest."""
    counted = picture.getcolors(picture.width * picture.height) or []
    colours = [colour for _, colour in sorted(counted, reverse=True)[:COLOURS]]
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for colour in colours for part in colour])
    return picture.quantize(palette=palette, dither=Image.Dither.NONE)
