"""What keeps somebody from using a page: without eyes, in the dark, or on a phone."""

from __future__ import annotations

from tests.browser import axe
from tests.browser.chromium import PHONE, Visit


def find_faults(visit: Visit, *, stays: bool = False) -> list[str]:
    """What axe-core finds grave, light and dark, and what is too wide for a phone.

    The page is loaded once more for that, unless it `stays`: it is an answer, or something is open.
    """
    page = visit.page
    faults = axe.find_faults(page)
    size = page.viewport_size
    if size != PHONE:
        page.set_viewport_size(PHONE)
        if not stays:
            page.reload()
    faults += [f"on a phone: {fault}" for fault in visit.find_what_sticks_out()]
    if size and size != PHONE:
        page.set_viewport_size(size)
    return faults
