"""Looking closely: pause, any moment of both clips, single frames, full screen."""

from __future__ import annotations

import asyncio

import pytest

from tests.services.web.page.browsing import open_page, press, saved, until

TIMES = "[...document.querySelectorAll('video.shown')].map(video => video.currentTime)"
PAUSED = "[...document.querySelectorAll('video.shown')].every(video => video.paused)"
SETTLED = f"{PAUSED} && [...document.querySelectorAll('video.shown')].every(video => !video.seeking)"
FRAME_S = 1 / 30

# Two pictures next to each other: a busy screen leaves many out, and the page goes by those that it is shown.
_NEIGHBOURS_SHOWN = """() => new Promise((resolve) => {
    const video = document.querySelector("#frame-left video.shown");
    let before = NaN;
    const onFrame = (_, { mediaTime }) => {
        if (mediaTime - before > 0.005 && mediaTime - before < 0.05) return resolve(true);
        before = mediaTime;
        video.requestVideoFrameCallback(onFrame);
    };
    video.requestVideoFrameCallback(onFrame);
})"""


async def settled(page) -> list[float]:
    """Wait until both clips stand still where they were sent; return their times, s."""
    await until(page, SETTLED)
    await asyncio.sleep(0.1)
    await until(page, SETTLED)
    return list(await page.evaluate(TIMES))


async def test_pause_holds_both_clips(page, labeler, gateway_url):
    """A key pauses both and resumes them; the next pair plays on its own."""
    labeler.double.num_open = 3
    await open_page(page, gateway_url)
    await asyncio.sleep(0.2)

    await page.keyboard.press("p")
    before = await settled(page)
    await asyncio.sleep(0.3)
    still = await page.evaluate(TIMES)
    label = await page.inner_text("[data-action=pause] .unseen")
    await page.keyboard.press("p")
    await until(page, f"!({PAUSED})")
    await page.keyboard.press("k")
    await press(page, "ArrowLeft")
    await until(page, f"!({PAUSED})")
    await saved(page)

    assert still == before
    assert label == "Play"


async def test_frame_keys_move_one_frame(page, labeler, gateway_url):
    """Both clips, on and back, and the picture that is shown is the next one."""
    labeler.double.num_open = 1
    await open_page(page, gateway_url)
    await page.evaluate(_NEIGHBOURS_SHOWN)
    await page.keyboard.press("p")
    # In one go: the page itself moves the slider at each of the screen's frames.
    await page.eval_on_selector(
        "#moment", "slider => { slider.value = '0'; slider.dispatchEvent(new Event('input')) }"
    )
    await settled(page)

    for _ in range(3):
        await page.keyboard.press(".")
        await settled(page)
    on = await settled(page)
    await page.keyboard.press(",")
    back = await settled(page)

    assert on == pytest.approx([3.5 * FRAME_S] * 2, abs=0.4 * FRAME_S)
    assert back == pytest.approx([2.5 * FRAME_S] * 2, abs=0.4 * FRAME_S)


async def test_slider_moves_both_clips_in_step(page, labeler, gateway_url):
    """Dragging it seeks and pauses both clips, and leaves the arrow keys to the answers."""
    labeler.double.num_open = 2
    await open_page(page, gateway_url)
    box = await page.locator("#moment").bounding_box()
    y = box["y"] + box["height"] / 2

    await page.mouse.move(box["x"] + box["width"] * 0.2, y)
    await page.mouse.down()
    for share in (0.3, 0.5, 0.6, 0.7):
        await page.mouse.move(box["x"] + box["width"] * share, y)
    await page.mouse.up()
    times = await settled(page)
    await press(page, "ArrowRight")
    await saved(page)

    assert times == pytest.approx([0.7 * 0.6] * 2, abs=0.03)
    assert abs(times[0] - times[1]) < 0.01
    assert labeler.double.answers() == [("query-000", 1, 2)]


async def test_slider_is_moved_by_keys_when_it_has_the_focus(page, labeler, gateway_url):
    """With keyboard focus it scrubs with the arrows; letters still answer."""
    labeler.double.num_open = 2
    await open_page(page, gateway_url)

    await page.focus("#moment")
    await page.keyboard.press("End")
    times = await settled(page)
    answers_meanwhile = labeler.double.answers()
    await press(page, "d")
    await saved(page)

    assert min(times) > 0.5
    assert answers_meanwhile == []
    assert labeler.double.answers() == [("query-000", 1, 2)]


async def test_full_screen_by_a_key(page, labeler, gateway_url):
    """One key there, the same key back, and answers go on."""
    labeler.double.num_open = 2
    await open_page(page, gateway_url)

    await page.keyboard.press("f")
    await until(page, "document.fullscreenElement !== null")
    await press(page, "ArrowLeft")
    await page.keyboard.press("f")
    await until(page, "document.fullscreenElement === null")
    await saved(page)

    assert labeler.double.answers() == [("query-000", 1, 1)]
