"""Practice pairs: marked as such, explained, sent to nobody, held against nobody else."""

from __future__ import annotations

import asyncio

import pytest

from somersault.v1 import labeler_pb2
from tests.services.web.page.browsing import all_fetched, log_in, press, press_at_once, saved, until

LEFT, RIGHT = 1, 2
WHY_LEFT = "The left one goes all the way round."
WHY_RIGHT = "The right one lands on its foot."


@pytest.fixture
def double(labeler, clips):
    """A labeler with pairs of either kind."""
    labeler.double.num_open = 4
    labeler.double.practice = [
        labeler_pb2.PracticePair(
            left_clip=clips[0], right_clip=clips[1], preference=LEFT, explanation=WHY_LEFT
        ),
        labeler_pb2.PracticePair(
            left_clip=clips[2], right_clip=clips[3], preference=RIGHT, explanation=WHY_RIGHT
        ),
    ]
    return labeler.double


async def begin(page, gateway_url: str) -> None:
    """Open the page at its first practice pair."""
    await log_in(page, f"{gateway_url}/#token=labeler-token")
    await page.wait_for_selector("#practice")
    await page.wait_for_selector("video.shown")


async def test_practice_comes_first_explains_and_is_never_sent(page, double, gateway_url):
    """A right answer is confirmed, another one explained; then real pairs come, none of which was held before."""
    await begin(page, gateway_url)
    marked = await page.inner_text("#practice")
    await asyncio.sleep(0.5)
    held_meanwhile = double.num_proposed

    await press_at_once(page, "ArrowLeft", "ArrowLeft")  # too fast a finger skips no explanation
    await page.wait_for_selector("#explanation[data-verdict=right]")
    praise = await page.inner_text("#explanation")
    await page.keyboard.press("Space")
    await until(page, "document.getElementById('practice').textContent.includes('2 of 2')")
    await page.wait_for_selector("video.shown")
    await page.keyboard.press("ArrowLeft")
    await page.wait_for_selector("#explanation[data-verdict=other]")
    kind = await page.inner_text("#explanation")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#practice", state="detached")
    await page.wait_for_selector("video.shown")
    await press(page, "ArrowRight")
    await saved(page)

    assert "Practice 1 of 2" in marked
    assert WHY_LEFT in praise
    assert "right is better" in kind
    assert WHY_RIGHT in kind
    assert held_meanwhile == 0
    assert double.answers() == [("query-000", 1, RIGHT)]


async def test_practice_is_done_once(page, double, gateway_url):
    """Skipped is done, too; a labeler who comes back gets real pairs, and finds the practice in the help."""
    await begin(page, gateway_url)
    await page.keyboard.press("r")
    await page.wait_for_selector("#practice", state="detached")
    await page.wait_for_selector("video.shown")

    await page.reload()
    await page.wait_for_selector("video.shown")
    again = await page.locator("#practice").count()
    await all_fetched(page)
    await page.keyboard.press("?")
    await page.click("[data-action=practise]")
    await page.wait_for_selector("#practice")
    async with asyncio.timeout(15):
        while double.leases:
            await asyncio.sleep(0.02)
    await page.click("#practice [data-action=skip]")
    await page.wait_for_selector("#practice", state="detached")
    await page.wait_for_selector("video.shown")
    await press(page, "ArrowLeft")
    await saved(page)

    assert again == 0
    assert double.answers() == [("query-000", 1, LEFT)]
    assert double.released == []


async def test_practice_can_be_clicked_through(page, double, gateway_url):
    """Without keys: clips, buttons, and the focus where the next key is needed."""
    await begin(page, gateway_url)
    await asyncio.sleep(0.4)

    await page.click("#frame-left")
    await page.wait_for_selector("#explanation[data-verdict=right]")
    focus = await page.evaluate("document.activeElement.dataset.action")
    await page.click("[data-action=go-on]")
    await page.wait_for_selector(".answer.right:enabled")
    await page.click(".answer.right")
    await page.click("[data-action=go-on]")
    await page.wait_for_selector("#practice", state="detached")
    await page.wait_for_selector("video.shown")

    assert focus == "go-on"
    assert double.answers() == []


async def test_answer_keys_go_on_once_a_pair_is_explained(page, double, gateway_url):
    """Arrows answer and continue; a second press right after doesn't skip the explanation."""
    await begin(page, gateway_url)
    await press_at_once(page, "ArrowLeft", "ArrowLeft")
    await page.wait_for_selector("#explanation[data-verdict=right]")
    still = await page.inner_text("#practice")

    await asyncio.sleep(0.4)
    await page.keyboard.press("d")
    await until(page, "document.getElementById('practice').textContent.includes('2 of 2')")
    await page.wait_for_selector("video.shown")
    await page.keyboard.press("ArrowRight")
    await page.wait_for_selector("#explanation[data-verdict=right]")
    await asyncio.sleep(0.4)
    await page.keyboard.press("ArrowDown")
    await page.wait_for_selector("#practice", state="detached")
    await page.wait_for_selector("video.shown")

    assert "Practice 1 of 2" in still
    assert double.answers() == []
