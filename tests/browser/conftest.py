"""A real Chromium, and a page that remembers everything it asked for and complained of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
)


@dataclass
class Watched:
    """A page with its requests, console messages and errors."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def quiet(self) -> None:
        """Fails where the page asked for anything but itself, or complained."""
        assert self.complaints == []
        assert len([url for url in self.requests if not url.startswith("data:,")]) == 1


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


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Opener]:
    """Opens an address at a width and colour scheme, and waits until its pictures are drawn.

    Those of the appendix are opened, too, unless it is to stay as a reader finds it.
    """
    contexts = []

    def open_(
        url: str, width: int = 1280, scheme: str = "light", *, appendix: bool = True
    ) -> Watched:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,  # type: ignore[arg-type]
            accept_downloads=True,
        )
        contexts.append(context)
        watched = Watched(context.new_page())
        page = watched.page
        page.on("request", lambda request: watched.requests.append(request.url))
        page.on("console", lambda message: watched.complaints.append(message.text))
        page.on("pageerror", lambda error: watched.complaints.append(str(error)))
        page.on("dialog", lambda dialog: watched.complaints.append(f"dialog {dialog.message}"))
        page.goto(url)
        page.wait_for_selector("html.drawn", state="attached", timeout=60_000)
        if appendix:
            page.evaluate("document.querySelectorAll('details.figure').forEach(f => f.open = true)")
            page.wait_for_selector(".chart.waiting", state="detached")
        return watched

    yield open_
    for context in contexts:
        context.close()
