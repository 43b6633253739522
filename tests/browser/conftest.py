"""A real Chromium, and a page that remembers everything it asked for and complained of.

Opening a page is what takes the time. A test that only reads a page, makes choices on it or changes
the window takes `opened`: a page that stays open and is given to each as it was found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.studied import Studied
from wattlas.report.report import write_report

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
)

WIDTH, HEIGHT = 1280, 900
REDRAWN = """() => new Promise((done) => requestAnimationFrame(() =>
  requestAnimationFrame(() => setTimeout(done, 150))))"""
"""A page that is resized waits 120 ms for the last of many changes, then draws anew."""
AS_FOUND = """(choices) => {
  document.activeElement?.blur();
  for (const node of document.querySelectorAll("details")) node.open = node.matches(".figure");
  if (location.hash.slice(1) !== choices) {
    history.replaceState(null, "", `#${choices}`);
    dispatchEvent(new Event("hashchange"));
  }
  scrollTo(0, 0);
}"""
"""Choices stand in the address, and nowhere else."""


@dataclass
class Watched:
    """A page with its requests, console messages and errors."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def is_quiet(self) -> bool:
        """Whether the page asked for itself alone, and did not complain."""
        return not self.complaints and len(self._asked()) == 1

    def quiet(self) -> None:
        """Fails where the page asked for anything but itself, or complained."""
        assert self.complaints == []
        assert len(self._asked()) == 1

    def _asked(self) -> list[str]:
        return [url for url in self.requests if not url.startswith("data:,")]

    def look(self, width: int = WIDTH, scheme: str = "light") -> None:
        """Change the window's width and the colours, and wait until all is drawn anew."""
        if self.page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") != (
            scheme == "dark"
        ):
            self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            self.page.evaluate(REDRAWN)
        if self.page.viewport_size != {"width": width, "height": HEIGHT}:
            self.page.set_viewport_size({"width": width, "height": HEIGHT})
            self.page.wait_for_function(f"innerWidth === {width}")
            self.page.evaluate(REDRAWN)

    def restore(self, choices: str = "") -> None:
        """As it was found when it was opened with these choices in its address."""
        self.page.mouse.move(0, 0)
        self.look()
        self.page.evaluate(AS_FOUND, choices)
        self.page.wait_for_selector(".chart.waiting", state="detached")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a display."""
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}")
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        yield chromium
        chromium.close()


Opener = Callable[..., Watched]


def watch(browser: Browser, width: int, scheme: str) -> tuple[BrowserContext, Watched]:
    """A window that remembers what its page does."""
    context = browser.new_context(
        viewport={"width": width, "height": HEIGHT},
        color_scheme=scheme,  # type: ignore[arg-type]
        accept_downloads=True,
    )
    watched = Watched(context.new_page())
    page = watched.page
    page.on("request", lambda request: watched.requests.append(request.url))
    page.on("console", lambda message: watched.complaints.append(message.text))
    page.on("pageerror", lambda error: watched.complaints.append(str(error)))
    page.on("dialog", lambda dialog: watched.complaints.append(f"dialog {dialog.message}"))
    return context, watched


def drawn(page: Page, *, appendix: bool = True) -> None:
    """Wait until the pictures are there; those of the appendix are opened, too, unless it is to
    stay as a reader finds it."""
    page.wait_for_selector("html.drawn", state="attached", timeout=60_000)
    if appendix:
        page.evaluate("document.querySelectorAll('details.figure').forEach(f => f.open = true)")
        page.wait_for_selector(".chart.waiting", state="detached")


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Opener]:
    """Opens an address at a width and colour scheme, and waits until its pictures are drawn."""
    contexts = []

    def open_(
        url: str, width: int = WIDTH, scheme: str = "light", *, appendix: bool = True
    ) -> Watched:
        context, watched = watch(browser, width, scheme)
        contexts.append(context)
        watched.page.goto(url)
        drawn(watched.page, appendix=appendix)
        return watched

    yield open_
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def opened(browser: Browser) -> Iterator[Opener]:
    """The page at an address, with choices: opened once, and as it was found for each who asks.

    One that complained is opened anew, so that it spoils no other test.
    """
    held: dict[str, Watched] = {}
    contexts = []

    def opened_(url: str, choices: str = "") -> Watched:
        if url not in held or not held[url].is_quiet():
            context, held[url] = watch(browser, WIDTH, "light")
            contexts.append(context)
            held[url].page.goto(url)
            drawn(held[url].page)
        held[url].restore(choices)
        return held[url]

    yield opened_
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory, made: Studied) -> str:
    """The address of the report of four classes on the disk."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    return write_report(made.results(), path).as_uri()
