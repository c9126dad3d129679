"""Driving the pages in a real Chromium."""

from __future__ import annotations

import asyncio

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page

__all__ = [
    "LABELER",
    "all_fetched",
    "close_dialog",
    "evaluate",
    "log_in",
    "open_page",
    "press",
    "press_at_once",
    "saved",
    "shown_pair",
    "skip_practice",
    "until",
]

LABELER = "labeler-token"
"""The token that the labeler in memory knows."""


async def until(page: Page, expression: str, arg: object = None, *, timeout_s: float = 30) -> None:
    """Wait until an expression is true in the page. Playwright's own way needs eval, which our policy forbids."""
    async with asyncio.timeout(timeout_s):
        while not await evaluate(page, expression, arg):
            await asyncio.sleep(0.02)


async def evaluate(page: Page, expression: str, arg: object = None) -> bool:
    """Return whether an expression is true; it isn't while the page is navigating, as at a login."""
    try:
        return bool(await page.evaluate(expression, arg))
    except PlaywrightError as error:
        if "Execution context was destroyed" not in str(error):
            raise
        return False


async def log_in(page: Page, url: str) -> None:
    """Open an address with a token, and go on as its holder; a browser that already does isn't asked."""
    await page.goto("about:blank")
    await page.goto(url)
    shown = await page.wait_for_selector("#welcome-continue, main .page:not([hidden])")
    if shown is not None and await shown.get_attribute("id") == "welcome-continue":
        async with page.expect_navigation():
            await shown.click()


async def open_page(page: Page, gateway_url: str, *, token: str = LABELER) -> None:
    """Open the address that the command line prints and wait for the first pair that counts."""
    await log_in(page, f"{gateway_url}/#token={token}")
    await skip_practice(page)


async def skip_practice(page: Page) -> None:
    """Wait for the first pair that counts, without those that the run's task has to practise on."""
    await page.wait_for_selector("video.shown")
    if await page.locator("#practice").count():
        await page.locator("#practice [data-action=skip]").dispatch_event("click")
        await page.wait_for_selector("#practice", state="detached")
        await page.wait_for_selector("video.shown")


async def shown_pair(page: Page) -> str:
    """Return what identifies the pair on screen."""
    return await page.locator("#frame-left video.shown").get_attribute("src")


async def press(page: Page, key: str) -> None:
    """Press a key and wait until another pair, or none, is shown."""
    before = await shown_pair(page)
    await page.keyboard.press(key)
    await until(page, "before => document.querySelector('#frame-left video.shown')?.src !== before", before)
    # The next pair may still be on its way.
    await until(
        page, "document.querySelector('video.shown') || document.getElementById('empty')?.hidden === false"
    )


async def press_at_once(page: Page, *keys: str) -> None:
    """Press keys one right after the other, however busy the machine is: nothing else happens between two of them."""
    await page.evaluate(
        "keys => keys.forEach(key => document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true })))",
        list(keys),
    )


async def close_dialog(page: Page) -> None:
    """Press Escape and wait until no dialog is open: until then keys are the dialog's."""
    await page.keyboard.press("Escape")
    await until(page, "!document.querySelector('dialog[open]')")


async def all_fetched(page: Page, *, num_pairs: int = 3) -> None:
    """Wait until the clips of so many pairs are in the page: then no lease of them is on its way any more."""
    await until(page, "count => document.querySelectorAll('#pair video').length === count", 2 * num_pairs)


async def saved(page: Page) -> None:
    """Wait until the page says that the server has every answer."""
    await until(page, "document.getElementById('saving-text')?.textContent === 'saved'")
