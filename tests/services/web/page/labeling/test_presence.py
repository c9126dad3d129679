"""Pairs are held for who is there: closed tabs and idle ones give theirs back."""

from __future__ import annotations

import asyncio
import time

from tests.services.web.page.browsing import LABELER, all_fetched, log_in, open_page, press, saved, until

HIDE = """isHidden => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => isHidden });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


async def held(double, number: int, *, timeout_s: float = 20) -> float:
    """Wait until ``count`` leases are held; return the seconds that it took."""
    started = time.monotonic()
    async with asyncio.timeout(timeout_s):
        while len(double.leases) != number:
            await asyncio.sleep(0.02)
    return time.monotonic() - started


async def test_closed_tabs_hold_nothing(browser, labeler, gateway_url):
    """Three tabs with three pairs each, closed: within two seconds others may have all nine."""
    double = labeler.double
    double.num_open = 9
    context = await browser.new_context()
    tabs = [await context.new_page() for _ in range(3)]
    for tab in tabs:
        await open_page(tab, gateway_url)
    await held(double, 9)

    for tab in tabs:
        await tab.close()
    took_s = await held(double, 0)

    assert took_s < 2
    assert double.num_open == 9
    assert double.released == []


async def test_reload_shows_the_same_pairs_again(page, labeler, gateway_url):
    """Pairs returned as the page closed come again, and old tokens are no longer used."""
    double = labeler.double
    double.num_open = 3
    renewed: list[str] = []
    page.on("request", lambda request: renewed.append(request.url) if "RenewLease" in request.url else None)
    await open_page(page, gateway_url)
    await held(double, 3)

    await page.reload()
    await page.wait_for_selector("video.shown")
    await press(page, "a")
    await saved(page)

    assert double.num_proposed == 3
    assert double.answers() == [("query-000", 1, 1)]
    assert renewed == []


async def test_page_from_the_back_forward_cache_leases_again(page, labeler, gateway_url):
    """Left and shown again without a reload: the old tokens are gone, new pairs come."""
    double = labeler.double
    double.num_open = 3
    await open_page(page, gateway_url)
    await held(double, 3)

    await page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    await held(double, 0)
    await page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    await page.wait_for_selector("video.shown")
    await press(page, "a")
    await saved(page)

    assert double.answers() == [("query-000", 1, 1)]


async def test_idle_tab_gives_its_pairs_to_others(page, labeler, gateway_url):
    """Three minutes without input: the pairs are returned, renewals stop, and the key that wakes the page answers nothing."""
    double = labeler.double
    double.num_open = 3
    await page.clock.install()
    await open_page(page, gateway_url)
    await all_fetched(page)

    await page.clock.fast_forward(181_000)
    await until(page, "document.getElementById('empty-title').textContent === 'Still there?'")
    await held(double, 0)
    open_for_others = double.num_open
    await page.clock.fast_forward(60_000)
    still_open = double.num_open
    await page.keyboard.press("ArrowLeft")
    await page.wait_for_selector("video.shown")

    assert (open_for_others, still_open) == (3, 3)
    assert double.answers() == []
    assert await page.is_hidden("#empty")


async def test_who_waits_for_a_pair_is_not_asked_whether_they_are_there(page, labeler, gateway_url):
    """Ten idle minutes without a pair change nothing, and the pair that comes then is shown."""
    double = labeler.double
    double.num_open = 0
    await page.clock.install()
    await log_in(page, f"{gateway_url}/#token={LABELER}")
    await page.wait_for_selector("#empty-title")

    for _ in range(10):
        await page.clock.run_for(60_000)
    title = await page.inner_text("#empty-title")
    double.num_open = 1
    async with asyncio.timeout(20):
        while not await page.locator("video.shown").count():
            await page.clock.run_for(2_000)

    assert title != "Still there?"


async def test_hidden_tab_gives_its_pairs_back_after_a_minute(page, labeler, gateway_url):
    """A glance elsewhere costs nothing; a labeler who comes back later gets pairs at once."""
    double = labeler.double
    double.num_open = 3
    await page.clock.install()
    await open_page(page, gateway_url)
    await all_fetched(page)

    await page.evaluate(HIDE, True)
    await page.clock.fast_forward(30_000)
    await asyncio.sleep(0.3)
    after_a_glance = len(double.leases)
    await page.clock.fast_forward(31_000)
    await held(double, 0)
    await page.evaluate(HIDE, False)
    await page.wait_for_selector("video.shown")

    assert after_a_glance == 3
