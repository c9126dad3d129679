"""Two people before the real labeler at once."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from somersault.domain.roles import Role
from somersault.v1 import labeler_pb2, preference_pb2
from tests.services.labeler.running import RUN_ID
from tests.services.web.page.browsing import open_page, press, saved

NUM_PAIRS = 12


async def invite(labeler, name: str) -> str:
    """Return the token of a new labeler."""
    request = labeler_pb2.CreateLabelerRequest(name=name, role=preference_pb2.ROLE_LABELER)
    return (await labeler.as_role(Role.OWNER).CreateLabeler(request)).token


async def open_for(browser, url: str, token: str) -> tuple:
    """Open one person's page; return it and the growing set of queries whose clips it asks for."""
    page = await (await browser.new_context()).new_page()
    queries: set[str] = set()

    def note(request) -> None:
        _, _, clip = request.url.partition("/clips/")
        if clip:
            queries.add(clip.partition("/")[0])

    page.on("request", note)
    await open_page(page, url, token=token)
    return page, queries


async def answer(page, *, is_over: asyncio.Event) -> None:
    """Answer whatever is shown."""
    while not is_over.is_set():
        if await page.is_visible("#pair"):
            await page.keyboard.press("ArrowLeft")
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("target_answers", [1, 2])
async def test_two_people_never_get_a_pair_beyond_what_it_wants(
    browser, whole_labeler, whole_url, target_answers
):
    """Both answer as fast as they can: each pair comes before k people, and the log has k answers of each."""
    owner = whole_labeler.as_role(Role.OWNER)
    await owner.UpdateRun(
        labeler_pb2.UpdateRunRequest(run_id=RUN_ID, target_answers=target_answers, gold_interval=0)
    )
    await whole_labeler.propose(*(f"pair-{number}" for number in range(NUM_PAIRS)), wants_clips=True)
    tokens = [await invite(whole_labeler, name) for name in ("Ada", "Grace")]
    opened = [await open_for(browser, whole_url, token) for token in tokens]

    is_over = asyncio.Event()
    answering = [asyncio.create_task(answer(page, is_over=is_over)) for page, _ in opened]
    async with asyncio.timeout(120):
        while len(records := await whole_labeler.log()) < NUM_PAIRS * target_answers:
            await asyncio.sleep(0.2)
    is_over.set()
    await asyncio.gather(*answering)

    answers = Counter(record.query_id for record in records)
    assert set(answers.values()) == {target_answers}
    assert len(answers) == NUM_PAIRS
    assert len({(record.query_id, record.labeler_id) for record in records}) == len(records)
    assert not any(record.is_extra for record in records)
    assert Counter(query for _, queries in opened for query in queries) == answers


async def test_pairs_of_a_closed_tab_are_the_next_persons_at_once(browser, whole_labeler, whole_url):
    """No one waits for leases to end: another person answers what one person leaves."""
    await whole_labeler.propose("one", "two", "three", wants_clips=True)
    ada, grace = [await invite(whole_labeler, name) for name in ("Ada", "Grace")]
    first, seen_by_ada = await open_for(browser, whole_url, ada)
    async with asyncio.timeout(20):
        while len(seen_by_ada) < 3:
            await asyncio.sleep(0.02)

    await first.close()
    async with asyncio.timeout(30):
        second, seen_by_grace = await open_for(browser, whole_url, grace)
        while len(seen_by_grace) < 3:
            await asyncio.sleep(0.02)
    for _ in range(3):
        await second.wait_for_selector("video.shown")
        await press(second, "ArrowLeft")
    await saved(second)

    assert seen_by_grace == seen_by_ada
    assert len(await whole_labeler.log()) == 3


async def test_login_of_somebody_else_takes_no_answer_along(browser, whole_labeler, whole_url):
    """An answer waiting in one tab is neither sent as the labeler who logs in in another nor lost."""
    await whole_labeler.propose(*(f"pair-{number}" for number in range(16)), wants_clips=True)
    ada, grace = [await invite(whole_labeler, name) for name in ("Ada", "Grace")]
    context = await browser.new_context()
    first, second = await context.new_page(), await context.new_page()
    await open_page(first, whole_url, token=ada)
    await first.route("**/SubmitPreference", lambda route: route.abort())
    await press(first, "ArrowLeft")
    await first.wait_for_selector("#saving[data-state=away]")

    async with first.expect_navigation():
        await open_page(second, whole_url, token=grace)
    await first.wait_for_selector("video.shown")
    await first.unroute("**/SubmitPreference")
    await press(second, "ArrowRight")
    await saved(second)
    while_grace = [record.preference for record in await whole_labeler.log()]
    await second.goto("about:blank")
    await open_page(second, whole_url, token=ada)
    await saved(second)

    assert while_grace == [preference_pb2.PREFERENCE_RIGHT]
    records = await whole_labeler.log()
    assert [record.preference for record in records] == [2, 1]
    assert len({record.labeler_id for record in records}) == 2
