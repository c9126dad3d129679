"""What axe-core finds in a page: the rules of WCAG 2.2 A and AA and its best practices."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
from playwright.async_api import Page

from services import web

__all__ = ["SCHEMES", "WINDOWS", "overflowing", "serious_findings"]

SCHEMES = ("light", "dark")

WINDOWS = {"desktop": (1280, 800), "phone": (390, 844), "landscape": (844, 390)}
"""Width and height of the windows that pages are looked at in, CSS pixels."""

_AXE = Path(web.__file__).parent / "page/node_modules/axe-core/axe.min.js"

_RUN = """async () => {
    const { violations } = await axe.run(document, { resultTypes: ["violations"] });
    return violations.filter(({ impact }) => impact === "serious" || impact === "critical").map(
        ({ id, help, nodes }) => `${id}: ${help}: ` + nodes.map(({ target }) => target.join(" ")).join(", "));
}"""


@functools.cache
def _source() -> str:
    if not _AXE.exists():
        pytest.skip("axe-core is not installed: make setup")
    return _AXE.read_text(encoding="utf-8")


async def serious_findings(page: Page) -> list[str]:
    """Return what axe-core calls serious or critical in the page as it stands: rule, advice, elements."""
    if not await page.evaluate("'axe' in window"):
        # By way of the debugger: the page's policy forbids scripts of other origins and inline ones.
        await page.evaluate(_source())
    return list(await page.evaluate(_RUN))


_OVERFLOWING = """() => [...document.body.querySelectorAll("*")].filter((one) =>
    document.documentElement.scrollWidth > innerWidth && one.getBoundingClientRect().right > innerWidth + 1
).map((one) => one.tagName + "." + one.className)"""


async def overflowing(page: Page) -> list[str]:
    """Return what makes the page scroll sideways; nothing if it does not."""
    return list(await page.evaluate(_OVERFLOWING))
