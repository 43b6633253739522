"""The README's picture: the first screen, the frontier and the hours of a real report on one sheet.

    python tools/report_picture.py wattlas-results docs/images/report.png

Needs Playwright and a Chromium (the extra `test`).
"""

from __future__ import annotations

import argparse
import base64
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
PARTS = {".screen": 1290, "#figure-frontier": 1000, "#figure-hours": 1000}
"""What is taken, and how wide the window is for it, in pixels."""
HIDDEN = "header nav, .screen details, .figure .tools, .figure .notes"
STYLE = f"{HIDDEN} {{ display: none !important }} html, body {{ background: #fff !important }}"
PAGE = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; padding: 24px; width: 1052px; background: #fff }}
.row {{ display: flex; gap: 32px; align-items: flex-start; margin-top: 16px }}
img {{ width: 510px; display: block }}
.first img {{ width: 1052px }}
</style><div class="first">{0}</div><div class="row">{1}{2}</div>"""


def main() -> None:
    """Take the parts, lay them out, take the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path)
    parser.add_argument("picture", type=Path)
    options = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        parts = [_image(part) for part in _parts(browser, options.results / "report.html")]
        options.picture.parent.mkdir(parents=True, exist_ok=True)
        options.picture.write_bytes(_sheet(browser, PAGE.format(*parts)))
        browser.close()


def _parts(browser: Browser, report: Path) -> list[bytes]:
    taken = []
    for part, width in PARTS.items():
        page = browser.new_page(viewport={"width": width, "height": 900}, device_scale_factor=1.04)
        page.goto(report.resolve().as_uri())
        page.wait_for_selector("html.drawn", state="attached")
        page.add_style_tag(content=STYLE)
        page.wait_for_timeout(500)
        taken.append(page.locator(part).first.screenshot())
        page.close()
    return taken


def _image(part: bytes) -> str:
    return f'<img alt="" src="data:image/png;base64,{base64.b64encode(part).decode()}">'


def _sheet(browser: Browser, text: str) -> bytes:
    page = browser.new_page(viewport={"width": 1100, "height": 800})
    page.set_content(text)
    return _repacked(page.screenshot(full_page=True))


def _repacked(png: bytes) -> bytes:
    """The same picture in 256 colours, packed as small as it gets."""
    out = BytesIO()
    Image.open(BytesIO(png)).convert("RGB").quantize(256).save(out, "PNG", optimize=True)
    return out.getvalue()


if __name__ == "__main__":
    main()
