"""What axe-core finds in a page: the rules of WCAG 2.2 A and AA and its best practices."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
from playwright.async_api import Page

from services import web

__all__ = ["WINDOWS", "findings_everywhere"]

WINDOWS = {"desktop": (1280, 800), "phone": (390, 844), "landscape": (844, 390)}
"""Width and height of the windows that pages are looked at in, CSS pixels."""

_AXE = Path(web.__file__).parent / "page/node_modules/axe-core/axe.min.js"

_RUN = """async (only) => {
    const { violations } = await axe.run(document, { resultTypes: ["violations"], ...only });
    return violations.filter(({ impact }) => impact === "serious" || impact === "critical").map(
        ({ id, help, nodes }) => `${id}: ${help}: ` + nodes.map(({ target }) => target.join(" ")).join(", "));
}"""

_ONLY = {"light": {}, "dark": {"runOnly": ["color-contrast", "link-in-text-block"]}}
"""Which rules each colour scheme is held against: what isn't colour is the same in both."""

_OVERFLOWING = """() => [...document.body.querySelectorAll("*")].filter((one) =>
    document.documentElement.scrollWidth > innerWidth && one.getBoundingClientRect().right > innerWidth + 1
).map((one) => "wider than the window: " + one.tagName + "." + one.className)"""


@functools.cache
def _source() -> str:
    if not _AXE.exists():
        pytest.skip("axe-core is not installed: make setup")
    return _AXE.read_text(encoding="utf-8")


async def findings_everywhere(page: Page) -> list[str]:
    """Return what is wrong with the page as it stands, in each window and colour scheme.

    That is what axe-core calls serious or critical (rule, advice, elements), and what makes the page scroll sideways.
    """
    if not await page.evaluate("'axe' in window"):
        # By way of the debugger: the page's policy forbids scripts of other origins and inline ones.
        await page.evaluate(_source())
    before = page.viewport_size
    findings = []
    for window, (width, height) in WINDOWS.items():
        await page.set_viewport_size({"width": width, "height": height})
        for scheme, only in _ONLY.items():
            await page.emulate_media(color_scheme=scheme)
            findings += [f"{window}, {scheme}: {each}" for each in await page.evaluate(_RUN, only)]
        findings += [f"{window}: {each}" for each in await page.evaluate(_OVERFLOWING)]
    await page.emulate_media(color_scheme="light")
    await page.set_viewport_size(before)
    return findings
