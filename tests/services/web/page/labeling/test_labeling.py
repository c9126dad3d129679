"""The page in a real Chromium, before a real gateway and a labeler behind real gRPC."""

from __future__ import annotations

import asyncio

from tests.services.web.page.browsing import (
    all_fetched,
    close_dialog,
    log_in,
    open_page,
    press,
    saved,
    shown_pair,
    until,
)

LEFT, RIGHT, EQUAL, INCOMPARABLE = 1, 2, 3, 4

COUNT_KEPT = """(await new Promise((resolve) => {
    const opening = indexedDB.open("somersault");
    opening.onsuccess = () => {
        const asked = opening.result.transaction("outbox").objectStore("outbox").count();
        asked.onsuccess = () => { opening.result.close(); resolve(asked.result); };
    };
}))"""


async def test_keys_answer(page, labeler, gateway_url):
    """Every key gives its answer, to the pair that was shown, and the page says that it is saved."""
    labeler.double.num_open = 20
    await open_page(page, gateway_url)

    for key in ("ArrowLeft", "ArrowRight", "ArrowDown", "ArrowUp", "a", "d", "s", "w", "1", "2"):
        await press(page, key)
    await saved(page)

    expected = [LEFT, RIGHT, EQUAL, INCOMPARABLE, LEFT, RIGHT, EQUAL, INCOMPARABLE, LEFT, RIGHT]
    assert labeler.double.answers() == [
        (f"query-{number:03d}", 1, answer) for number, answer in enumerate(expected)
    ]
    assert all(row.response_ms > 0 for row in labeler.double.records)
    await until(page, "document.getElementById('own-count').textContent === '10'")


async def test_buttons_answer_and_space_then_replays(page, labeler, gateway_url):
    """A click answers once; the space bar after it doesn't answer again."""
    labeler.double.num_open = 5
    await open_page(page, gateway_url)

    await page.click("[data-action=equal]")
    await page.keyboard.press(" ")
    await saved(page)

    assert labeler.double.answers() == [("query-000", 1, EQUAL)]


async def test_token_leaves_the_address_bar_and_scripts(page, labeler, gateway_url):
    """Neither the history nor a script can show the token."""
    labeler.double.num_open = 1
    await open_page(page, gateway_url)

    assert page.url == f"{gateway_url}/"
    assert await page.evaluate("document.cookie") == ""


async def test_question_is_text_not_markup(page, labeler, gateway_url):
    """What a run's owner writes can't become part of the page."""
    labeler.double.num_open = 1
    await open_page(page, gateway_url)

    assert "<b>Judge</b>" in await page.inner_text("#question")


async def test_wrong_token_asks_to_log_in(page, labeler, gateway_url):
    """An unknown token gets a form and a message, and the right one then works."""
    labeler.double.num_open = 1
    await page.goto(f"{gateway_url}/#token=wrong")
    await until(page, "document.getElementById('login-problem')?.textContent")

    await page.fill("#token", "labeler-token")
    await page.keyboard.press("Enter")

    await page.wait_for_selector("video.shown")


async def test_undo_changes_an_answer(page, labeler, gateway_url):
    """Going two back and answering makes a new version; Escape keeps the answer as it was."""
    labeler.double.num_open = 6
    await open_page(page, gateway_url)
    for key in ("ArrowLeft", "ArrowRight"):
        await press(page, key)
    present = await shown_pair(page)

    await press(page, "Backspace")
    await press(page, "z")
    assert "left is better" in await page.inner_text("#revising-text")
    await press(page, "ArrowDown")
    assert await shown_pair(page) == present
    await press(page, "z")
    await press(page, "Escape")
    await saved(page)

    assert labeler.double.answers() == [
        ("query-000", 1, LEFT),
        ("query-001", 1, RIGHT),
        ("query-000", 2, EQUAL),
    ]


async def test_undone_pair_plays_as_any_other(page, labeler, gateway_url):
    """Its clips were released by then: they are loaded again, and play."""
    labeler.double.num_open = 6
    await open_page(page, gateway_url)
    await press(page, "a")
    await all_fetched(page)
    await asyncio.sleep(0.5)

    await press(page, "z")

    playing = "[...document.querySelectorAll('video.shown')].filter(v => !v.paused && v.currentTime > 0)"
    await until(page, f"{playing}.length === 2")
    assert "left is better" in await page.inner_text("#revising-text")


async def test_ten_answers_can_be_undone_and_no_more(page, labeler, gateway_url):
    """The eleventh press of the key goes nowhere."""
    labeler.double.num_open = 20
    await open_page(page, gateway_url)
    for _ in range(11):
        await press(page, "a")

    for _ in range(10):
        await press(page, "z")
    await page.keyboard.press("z")
    await press(page, "d")
    await saved(page)

    assert labeler.double.answers()[-1] == ("query-001", 2, RIGHT)


async def test_skip_gives_the_pair_to_somebody_else(page, labeler, gateway_url):
    """A skipped pair is released and not answered."""
    labeler.double.num_open = 5
    await open_page(page, gateway_url)

    await press(page, "r")
    await press(page, "a")
    await saved(page)

    async with asyncio.timeout(15):
        while labeler.double.released != ["query-000"]:
            await asyncio.sleep(0.02)
    assert labeler.double.answers() == [("query-001", 1, LEFT)]


async def test_answer_committed_as_the_server_dies_arrives_once(page, labeler, gateway_url):
    """Killed between commit and reply, and back: the page says "waiting", then "saved"; the log has one row."""
    double = labeler.double
    double.num_open = 5
    await open_page(page, gateway_url)
    double.hangs_after_commit = True

    await press(page, "ArrowLeft")
    await double.is_committed.wait()
    await labeler.kill()
    assert await page.inner_text("#saving-text") == "waiting to be saved (1)"
    double.hangs_after_commit = False
    await labeler.start()
    await saved(page)

    assert double.num_submits >= 2
    assert double.answers() == [("query-000", 1, LEFT)]


async def test_answers_given_while_the_server_is_away_outlive_the_tab(page, labeler, gateway_url):
    """Answers queue in the browser, survive a reload, and arrive once each, in order."""
    double = labeler.double
    double.num_open = 3
    await open_page(page, gateway_url)
    await all_fetched(page)
    await labeler.kill()

    await press(page, "ArrowLeft")
    await press(page, "ArrowRight")
    assert await page.inner_text("#saving-text") == "waiting to be saved (2)"
    await until(page, f"(async () => {COUNT_KEPT} === 2)()")
    await page.reload()
    await labeler.start()
    await saved(page)

    assert double.answers() == [("query-000", 1, LEFT), ("query-001", 1, RIGHT)]


async def test_reload_keeps_the_leases(page, labeler, gateway_url):
    """The pairs that were leased are there again: the server would not give them twice."""
    labeler.double.num_open = 3
    await open_page(page, gateway_url)
    await all_fetched(page)

    await page.reload()
    await page.wait_for_selector("video.shown")
    await press(page, "a")
    await saved(page)

    assert labeler.double.num_proposed == 3
    assert labeler.double.answers() == [("query-000", 1, LEFT)]


async def test_empty_page_says_why_and_goes_on_by_itself(page, labeler, gateway_url):
    """Without a pair the page says what the run does; the next one appears untouched."""
    await log_in(page, f"{gateway_url}/#token=labeler-token")
    await until(page, "document.getElementById('empty-reason')?.textContent.includes('2 pairs are being')")

    labeler.double.num_open = 1

    await page.wait_for_selector("video.shown")
    assert await page.is_hidden("#empty")


async def test_clips_play_in_step(page, labeler, gateway_url):
    """Both clips are at the same moment, start after start; a picture that the screen left out is no drift."""
    labeler.double.num_open = 3
    await open_page(page, gateway_url)
    drifts_s = []

    for _ in range(15):
        await asyncio.sleep(0.137)
        left, right = await page.eval_on_selector_all("video.shown", "all => all.map(v => v.currentTime)")
        drifts_s.append(abs(left - right))

    assert sorted(drifts_s)[len(drifts_s) // 2] < 0.07


async def test_reduced_motion_plays_only_when_asked(browser, labeler, gateway_url):
    """With reduced motion, clips stay still until the space bar, and then play once."""
    labeler.double.num_open = 3
    page = await browser.new_page(reduced_motion="reduce")
    await open_page(page, gateway_url)
    await asyncio.sleep(0.3)
    at_rest = await page.eval_on_selector_all("video.shown", "all => all.map(v => v.currentTime)")

    await page.keyboard.press(" ")
    await until(page, "[...document.querySelectorAll('video.shown')].every(v => v.ended)")
    await asyncio.sleep(0.5)

    assert max(at_rest) < 1 / 30  # the first picture
    assert await page.evaluate("[...document.querySelectorAll('video.shown')].every(v => v.ended)")


async def test_help_opens_and_closes_by_key(page, labeler, gateway_url):
    """Keys do not answer while help is open."""
    labeler.double.num_open = 2
    await open_page(page, gateway_url)

    await page.keyboard.press("?")
    await page.keyboard.press("a")
    assert await page.is_visible("#help")
    await close_dialog(page)

    assert await page.is_hidden("#help")
    assert labeler.double.answers() == []


async def test_token_that_is_taken_back_asks_to_log_in_and_keeps_the_answer(page, labeler, gateway_url):
    """An answer given with a revoked token waits in the browser until the next login."""
    labeler.double.num_open = 5
    await page.route("**/GetStats", lambda route: route.abort())  # else it may be the first to hear of it
    await open_page(page, gateway_url)
    role = labeler.double.roles.pop("labeler-token")

    await page.keyboard.press("a")
    await page.wait_for_selector("#login:not([hidden])")
    before_login = labeler.double.answers()
    labeler.double.roles["labeler-token"] = role
    await page.fill("#token", "labeler-token")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("video.shown")
    async with asyncio.timeout(15):
        while not labeler.double.answers():
            await asyncio.sleep(0.02)

    assert before_login == []
    assert labeler.double.answers() == [("query-000", 1, LEFT)]
