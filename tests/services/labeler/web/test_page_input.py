"""Fingers, keys and readers: everything can be done with each."""

from __future__ import annotations

from tests.services.labeler.web.browsing import LABELER, open_page, press, saved, shown_pair, until

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
    await page.keyboard.press("Escape")
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
    """A finger needs no button; all that it can press is large enough, and a mouse's click on a clip is no answer."""
    labeler.double.num_open = 4
    context = await browser.new_context(has_touch=True, viewport={"width": 390, "height": 780})
    page = await context.new_page()
    await open_page(page, gateway_url)
    before = await shown_pair(page)

    await page.mouse.click(300, 260)
    after_mouse = await shown_pair(page)
    await page.tap("#frame-right")
    await saved(page)
    heights = await page.eval_on_selector_all(
        "#labeling button[data-action]:not([hidden])",
        "all => all.map(each => each.getBoundingClientRect().height).filter(height => height > 0)",
    )

    assert after_mouse == before
    assert labeler.double.answers() == [("query-000", 1, RIGHT)]
    assert min(heights) >= 40


async def test_guidelines_open_once_a_version_and_hold_keys_back(page, labeler, gateway_url):
    """Whoever labels has had them before their eyes, and no key meant for them is an answer."""
    double = labeler.double
    double.num_open, double.guidelines = 4, [GUIDELINES]
    await open_page(page, gateway_url)
    await page.wait_for_selector("#guidelines[open]")
    await page.keyboard.press("ArrowLeft")
    await page.keyboard.press("Escape")
    await press(page, "ArrowRight")
    await page.reload()
    await page.wait_for_selector("video.shown")
    await page.wait_for_selector("[data-action=guidelines]")
    is_open_again = await page.is_visible("#guidelines")
    await page.keyboard.press("g")
    await page.wait_for_selector("#guidelines[open]")
    await page.keyboard.press("Enter")
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
