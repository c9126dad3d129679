"""What an address with a token does: it asks, unless the browser is its holder already."""

from __future__ import annotations

from somersault.v1 import preference_pb2
from tests.services.web.page.browsing import LABELER, log_in, open_page, skip_practice

_OTHER = "somebody-elses-token"


async def _sessions(page, gateway_url) -> int:
    """Return how many session cookies the browser has."""
    return len(await page.context.cookies(gateway_url))


async def test_nobody_becomes_somebody_else_by_a_link(page, labeler, gateway_url):
    """Following it changes nothing: no session, no cookie, and who declines is asked to log in."""
    labeler.double.num_open = 1
    await page.goto(f"{gateway_url}/#token={LABELER}")
    await page.wait_for_selector("#welcome-continue")

    assert await _sessions(page, gateway_url) == 0
    assert labeler.double.sessions == {}
    assert "Ada" in await page.inner_text("#welcome")
    assert "token" not in page.url

    await page.click("#welcome-decline")
    await page.wait_for_selector("#login:not([hidden])")
    assert await _sessions(page, gateway_url) == 0
    assert not labeler.double.lease_asked.is_set()


async def test_enter_is_enough_to_go_on(page, labeler, gateway_url):
    """The button has the focus: one key, then the first pair."""
    labeler.double.num_open = 1
    await page.goto(f"{gateway_url}/#token={LABELER}")
    await page.wait_for_selector("#welcome-continue:focus")
    await page.keyboard.press("Enter")

    await skip_practice(page)
    assert await _sessions(page, gateway_url) == 1


async def test_who_is_logged_in_stays_who_they_are(page, labeler, gateway_url):
    """Somebody else's link says whose it is, and declining goes on as before."""
    labeler.double.num_open = 2
    labeler.double.roles[_OTHER] = preference_pb2.ROLE_LABELER
    labeler.double.names[_OTHER] = ("labeler-9", "Mallory")
    await open_page(page, gateway_url)
    (before,) = await page.context.cookies(gateway_url)
    await page.goto("about:blank")
    await page.goto(f"{gateway_url}/#token={_OTHER}")
    await page.wait_for_selector("#welcome-decline")

    assert "Mallory" in await page.inner_text("#welcome-title")
    assert await page.inner_text("#welcome-decline") == "Stay Ada"
    await page.click("#welcome-decline")
    await skip_practice(page)
    (after,) = await page.context.cookies(gateway_url)
    assert after["value"] == before["value"]


async def test_a_holder_is_not_asked_again(page, labeler, gateway_url):
    """Opening one's own address a second time leads straight to the pairs, with the same session."""
    labeler.double.num_open = 2
    await open_page(page, gateway_url)
    await log_in(page, f"{gateway_url}/#token={LABELER}")
    await skip_practice(page)

    assert len(labeler.double.sessions) == 1
