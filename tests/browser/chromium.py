"""Debian's Chromium, and what of a page is a fault whatever the test is about."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Error,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
# What is slower is a fault of its own.
PATIENCE_MS = 15_000
expect.set_options(timeout=PATIENCE_MS)
# A browser says it only on its console, in words of its own.
TELL_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`CSP violation: ${event.violatedDirective} ${event.blockedURI}`));
"""

# What is beside the window on purpose is not shown, what is in a box that scrolls is reached there;
# the rest is cut off, or has the page scroll.
STICKING_OUT = """
() => {
  const width = document.documentElement.clientWidth;
  const isBoxed = (one) => {
    for (let box = one.parentElement; box && box !== document.body; box = box.parentElement) {
      const { overflowX, position } = getComputedStyle(box);
      if (["auto", "scroll"].includes(overflowX) || position === "fixed") return true;
      if (overflowX === "hidden" && box.getBoundingClientRect().right <= width + 1) return true;
    }
    return getComputedStyle(one).position === "fixed";
  };
  const isOut = (one) => {
    const { left, right, height } = one.getBoundingClientRect();
    return right > width + 1 && right > left && height > 0 && one.checkVisibility();
  };
  const all = [...document.querySelectorAll("body *")];
  const out = all.filter((one) => isOut(one) && !isBoxed(one)).slice(0, 4);
  const scrolls = document.scrollingElement.scrollWidth > width;
  return (scrolls ? ["The page scrolls sideways."] : [])
    .concat(out.map((one) => one.outerHTML.slice(0, 160)));
}
"""


@contextmanager
def running() -> Iterator[Browser]:
    """A browser; none on the machine is an error, as a broken one is."""
    path = shutil.which("chromium")
    if path is None:
        raise FileNotFoundError("There is no chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS])
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Watch:
    """What went wrong on a page: on its console, in its scripts, and in what it asked for."""

    origin: str
    faults: list[str] = field(default_factory=list)
    # Statuses that a test wants to see.
    expected: set[int] = field(default_factory=set)

    def look_at(self, page: Page) -> None:
        """Write down whatever the page does wrong from now on."""
        page.on("console", self._on_console)
        page.on("pageerror", self._on_error)
        page.on("request", self._on_request)
        page.on("response", self._on_response)

    def _on_console(self, message: ConsoleMessage) -> None:
        told = f"on the console of {message.location.get('url')}: {message.text}"
        # Answers of 400 and more are judged as answers.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.faults.append(told)

    def _on_error(self, error: Error) -> None:
        self.faults.append(f"in a script: {error.message}\n{error.stack}")

    def _on_request(self, request: Request) -> None:
        scheme = urlsplit(request.url).scheme
        if scheme not in ("data", "blob") and not request.url.startswith(f"{self.origin}/"):
            self.faults.append(f"to another host: {request.method} {request.url}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.expected:
            self.faults.append(f"{response.status} to {response.request.method} {response.url}")


@dataclass
class Visit:
    """A tab of somebody's, who is signed in or not."""

    page: Page
    watch: Watch

    def go(self, path: str) -> Page:
        """The page at a path below the site's root."""
        self.page.goto(f"{self.watch.origin}{path}")
        return self.page

    def sign_in(self, email: str, password: str) -> None:
        """Through the form, as a person does."""
        self.go("/admin/")
        self.page.get_by_label("Email").fill(email)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Log in").click()
        self.page.wait_for_url("**/admin/")

    def find_what_sticks_out(self) -> list[str]:
        """What makes the page wider than its window, outermost first; nothing, where it is not."""
        found: list[str] = self.page.evaluate(STICKING_OUT)
        return found


def open_visit(browser: Browser, origin: str, **options: Any) -> Visit:
    """A tab in a browser profile of its own."""
    context = browser.new_context(
        **{"viewport": DESKTOP, "timezone_id": "Europe/Amsterdam", "locale": "en-GB"} | options
    )
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(TELL_VIOLATIONS)
    visit = Visit(context.new_page(), Watch(origin))
    visit.watch.look_at(visit.page)
    return visit
