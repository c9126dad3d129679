"""The labeling page against the checks that others' front ends are put to."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Page, async_playwright

from somersault.compliance import ClientOptions, Outcome, Verdict, check_client
from somersault.compliance.client import Place
from tests.services.web.page.browsing import log_in

CHROMIUM = "/usr/bin/chromium"


@pytest.mark.slow
async def test_the_page_passes_every_rule() -> None:
    """Fetching ahead, undo, skip, failures on purpose, short leases and new guidelines: the page keeps each rule."""
    place: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
    checking = asyncio.create_task(check_client(ClientOptions(time_limit_s=200), on_place=place.set_result))
    where = await place
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--headless"]
        )
        page = await browser.new_page()
        await log_in(page, f"{where.gateway}/#token={where.token}")
        outcomes = await _label(page, checking)
        await browser.close()

    assert [outcome for outcome in outcomes if outcome.verdict is not Verdict.PASSED] == []


async def _label(page: Page, checking: asyncio.Task[list[Outcome]]) -> list[Outcome]:
    """Presses keys for every pair that is shown, until all is seen; the third with undo, the fifth is skipped."""
    keys = ["ArrowLeft", "ArrowRight", "z ArrowDown ArrowUp", "ArrowDown", "r"]
    while not checking.done():
        if await page.query_selector("dialog[open]"):  # the guidelines
            await page.keyboard.press("Escape")
        elif await page.query_selector("video.shown"):
            for key in (keys.pop(0) if keys else "ArrowLeft").split():
                await page.keyboard.press(key)
                await asyncio.sleep(0.3)
        await asyncio.sleep(0.2)
    return await checking
