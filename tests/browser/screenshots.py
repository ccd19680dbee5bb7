"""Pictures of every page, small enough to be kept beside the code."""

from __future__ import annotations

import argparse
import io
import sys
from itertools import product
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser

from tests.browser import chromium, demo, tour
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


def main() -> None:
    """Take them all, or those of the pages that are named."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser", description=__doc__)
    parser.add_argument("--only", action="append", help="a page's name; may be given again")
    only = parser.parse_args().only
    FOLDER.mkdir(exist_ok=True)
    with demo.running() as there, chromium.running() as browser:
        demo.let_a_day_pass(there)
        pages = tour.list_console(there) | tour.list_pictured(there)
        chosen = {name: pages[name] for name in only or pages}
        for scheme, device in product(SCHEMES, DEVICES):
            take_all(browser, there, chosen, scheme, device)


def take_all(
    browser: Browser, there: Demo, pages: dict[str, str], scheme: str, device: str
) -> None:
    """Each page once."""
    visits: dict[str, Visit] = {}
    for name, path in pages.items():
        email = tour.find_viewer(name)
        if email not in visits:
            visits[email] = chromium.open_visit(
                browser, there.origin, viewport=DEVICES[device], color_scheme=scheme
            )
            visits[email].sign_in(email, PASSWORD)
        file = FOLDER / f"{name}-{scheme}-{device}.png"
        file.write_bytes(take(visits[email], path))
        sys.stdout.write(f"{file.relative_to(FOLDER.parents[1])}\n")
    for visit in visits.values():
        visit.page.context.close()


def take(visit: Visit, path: str) -> bytes:
    """A picture of a page, from its top."""
    page = visit.go(path)
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
