"""Fingers, keys and readers: everything can be done with each."""

from __future__ import annotations

import asyncio

import pytest

from tests.services.web.page.accessibility import WINDOWS
from tests.services.web.page.browsing import (
    LABELER,
    close_dialog,
    open_page,
    press,
    saved,
    shown_pair,
    until,
)

LEFT, RIGHT, EQUAL = 1, 2, 3

FOCUS = "document.activeElement.dataset.action ?? document.activeElement.id"

GUIDELINES = """# What counts

Only **whole** flips. 1 &lt; 2. <img src=x onerror=alert(1)>

- [how](https://example.org/how) and [not](javascript:alert(1))
"""


async def test_keyboard_alone_teaches(page, labeler, gateway_url):
    """From the login to an undone answer without a pointer; Tab reaches the buttons, Enter presses them."""
    labeler.double.num_open = 8
    await page.goto(gateway_url)
    await until(page, f"{FOCUS} === 'token'")

    await page.keyboard.type(LABELER)
    await page.keyboard.press("Enter")
    await page.wait_for_selector("video.shown")
    await press(page, "ArrowLeft")
    await press(page, "r")
    while await page.evaluate(FOCUS) != "equal":
        await page.keyboard.press("Tab")
    outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    await press(page, "Enter")
    await page.keyboard.press("]")
    await page.keyboard.press("?")
    await page.wait_for_selector("#help[open]")
    await close_dialog(page)
    await press(page, "Backspace")
    await press(page, "ArrowRight")
    await saved(page)

    assert outline == "solid"
    assert await page.inner_text("#speed") == "1.5×"
    assert labeler.double.released == ["query-001"]
    assert labeler.double.answers() == [
        ("query-000", 1, LEFT),
        ("query-002", 1, EQUAL),
        ("query-002", 2, RIGHT),
    ]


async def test_tap_on_a_clip_chooses_it(browser, labeler, gateway_url):
    """Touch needs no button, and everything that can be touched is large enough."""
    labeler.double.num_open = 4
    context = await browser.new_context(has_touch=True, viewport={"width": 390, "height": 780})
    page = await context.new_page()
    await open_page(page, gateway_url)
    await asyncio.sleep(0.5)

    await page.tap("#frame-right")
    await saved(page)
    heights = await page.eval_on_selector_all(
        "#labeling button[data-action]:not([hidden])",
        "all => all.map(each => each.getBoundingClientRect().height).filter(height => height > 0)",
    )

    assert labeler.double.answers() == [("query-000", 1, RIGHT)]
    assert min(heights) >= 40


async def test_click_on_a_clip_chooses_it_once(page, labeler, gateway_url):
    """A mouse does what touch does; the second half of a double click doesn't answer the next pair."""
    labeler.double.num_open = 4
    await open_page(page, gateway_url)
    await asyncio.sleep(0.5)
    before = await shown_pair(page)

    # As a browser tells of a double click, but with nothing between its halves, however busy the machine is.
    await page.eval_on_selector(
        "#frame-left",
        "frame => [1, 2].forEach(detail => frame.dispatchEvent(new MouseEvent('click', { detail, bubbles: true })))",
    )
    await saved(page)

    assert await shown_pair(page) != before
    assert labeler.double.answers() == [("query-000", 1, LEFT)]


async def test_click_that_brings_the_window_to_the_front_is_no_answer(page, labeler, gateway_url):
    """A click that brings the window to the front answers nothing."""
    labeler.double.num_open = 2
    await open_page(page, gateway_url)
    await asyncio.sleep(0.5)

    await page.evaluate(
        "dispatchEvent(new FocusEvent('focus')); document.getElementById('frame-left').click()"
    )
    await asyncio.sleep(0.5)
    await page.click("#frame-right")
    await saved(page)

    assert labeler.double.answers() == [("query-000", 1, RIGHT)]


async def test_what_plays_clips_answers_nothing(page, labeler, gateway_url):
    """The slider and the player's buttons don't count as clips."""
    labeler.double.num_open = 2
    await open_page(page, gateway_url)

    await page.click("#moment")
    for action in ("pause", "replay", "frame-back", "frame-forward", "slower", "faster"):
        await page.click(f"[data-action={action}]")
    await press(page, "ArrowDown")
    await saved(page)

    assert labeler.double.answers() == [("query-000", 1, EQUAL)]


async def test_button_under_the_mouse_looks_untouched_for_the_next_pair(page, labeler, gateway_url):
    """A clicked button doesn't look hovered until the mouse moves."""
    labeler.double.num_open = 3
    await open_page(page, gateway_url)
    colour = "getComputedStyle(document.querySelector('.answer.left')).backgroundColor"
    at_rest = await page.evaluate(colour)
    await page.hover(".answer.left")
    await until(page, f"at_rest => {colour} !== at_rest", at_rest)
    pointed_at = await page.evaluate(colour)

    await page.mouse.down()
    await page.mouse.up()
    await saved(page)
    await until(page, f"at_rest => {colour} === at_rest", at_rest)
    await page.mouse.move(*(await centre(page, ".answer.left", off=20)))
    await until(page, f"pointed_at => {colour} === pointed_at", pointed_at)

    assert [row.preference for row in labeler.double.records] == [LEFT]


async def centre(page, selector: str, *, off: float) -> tuple[float, float]:
    """Return a point beside the middle of an element, CSS pixels."""
    box = await page.locator(selector).bounding_box()
    return box["x"] + box["width"] / 2 + off, box["y"] + box["height"] / 2


@pytest.mark.parametrize("window", WINDOWS)
async def test_answers_are_in_the_window(browser, labeler, gateway_url, window):
    """No scrolling is needed to answer, whether the phone is upright or on its side; touch screens show no keys."""
    width, height = WINDOWS[window]
    is_phone = window != "desktop"
    context = await browser.new_context(
        viewport={"width": width, "height": height}, has_touch=is_phone, is_mobile=is_phone
    )
    page = await context.new_page()
    labeler.double.num_open, labeler.double.guidelines = 2, [GUIDELINES]
    await open_page(page, gateway_url)
    await page.wait_for_selector("#guidelines[open]")
    await close_dialog(page)

    boxes = [await answer.bounding_box() for answer in await page.locator(".answer, .frame").all()]
    caps = await page.locator("#labeling .work kbd:visible").count()

    assert len(boxes) == 6
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes)
    assert all(box["y"] >= 0 and box["y"] + box["height"] <= height for box in boxes)
    assert min(box["height"] for box in boxes) >= 44
    assert (caps == 0) == is_phone


async def test_guidelines_open_once_a_version_and_hold_keys_back(page, labeler, gateway_url):
    """Labelers have seen them, and keys meant for them are no answers."""
    double = labeler.double
    double.num_open, double.guidelines = 4, [GUIDELINES]
    await open_page(page, gateway_url)
    await page.wait_for_selector("#guidelines[open]")
    await page.keyboard.press("ArrowLeft")
    await close_dialog(page)
    await press(page, "ArrowRight")
    await page.reload()
    await page.wait_for_selector("video.shown")
    await page.wait_for_selector("[data-action=guidelines]")
    is_open_again = await page.is_visible("#guidelines")
    await page.keyboard.press("g")
    await page.wait_for_selector("#guidelines[open]")
    await page.keyboard.press("Enter")
    await until(page, "!document.querySelector('dialog[open]')")
    await press(page, "ArrowDown")
    await saved(page)

    assert not is_open_again
    assert double.answers() == [("query-000", 1, RIGHT), ("query-001", 1, EQUAL)]


async def test_guidelines_become_no_markup(page, labeler, gateway_url):
    """Markdown is shown as it is meant; what looks like HTML stays text, and only web addresses are links."""
    labeler.double.num_open, labeler.double.guidelines = 1, [GUIDELINES]
    await open_page(page, gateway_url)
    await page.wait_for_selector("#guidelines[open]")

    text = await page.inner_text("#guidelines .markdown")
    links = await page.eval_on_selector_all("#guidelines a", "all => all.map(each => each.href)")

    assert "1 < 2. <img src=x onerror=alert(1)>" in text
    assert "[not](javascript:alert(1))" in text
    assert links == ["https://example.org/how"]
    assert await page.inner_text("#guidelines strong") == "whole"
