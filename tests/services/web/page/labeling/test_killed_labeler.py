"""The page, its gateway and the real labeler, which is killed with SIGKILL while a person answers."""

from __future__ import annotations

import asyncio

from tests.services.web.page.browsing import open_page
from tests.services.web.real_labeler import NUM_QUERIES, read_log


async def test_kill_9_of_the_labeler_loses_and_doubles_nothing(page, real_labeler, real_url):
    """A person keeps answering while the labeler dies twice: every answer is in the log once, with its change."""
    keys = ["ArrowLeft", "ArrowRight", "ArrowDown", "ArrowUp"] * 3
    await open_page(page, real_url, token=real_labeler.tokens["labeler"])
    for number, key in enumerate(keys):
        await page.wait_for_selector("video.shown", timeout=30_000)
        await page.keyboard.press(key)
        if number in (3, 7):
            real_labeler.kill()
            await asyncio.sleep(0.5)
            real_labeler.start()
    await page.wait_for_selector("#empty:not([hidden])")
    await page.keyboard.press("z")
    await page.wait_for_selector("video.shown")
    await page.keyboard.press("ArrowLeft")
    records = await read_log(real_labeler, num_records=NUM_QUERIES + 1)
    await page.wait_for_selector("#saving[data-state=saved]")

    firsts = [record for record in records if record.version == 1]
    assert len({record.query_id for record in firsts}) == len(firsts) == NUM_QUERIES
    # left 1, right 2, equal 3, incomparable 4
    assert [record.preference for record in firsts] == [1, 2, 3, 4] * 3
    assert [(record.version, record.preference) for record in records[NUM_QUERIES:]] == [(2, 1)]
    assert not any(record.is_extra for record in records)
