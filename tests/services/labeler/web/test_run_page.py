"""The run page in a real Chromium, its gateway, and the real labeler that keeps what it shows."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from somersault.rpc import bind, create_server
from somersault.storage import open_store
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2, simulator_pb2, simulator_pb2_grpc, trajectory_pb2
from tests.services.labeler.web.gateways import serving_gateway
from tests.services.labeler.web.real_labeler import RealLabeler, Simulator, calling

SERVICE = "/somersault.v1.LabelerService"
NUM_PAIRS = 7


class ScoringSimulator(Simulator):
    """Draws, and tells how its episodes went."""

    async def GetEpisodeStatistics(self, request, context):
        """Gives the same means each time."""
        return simulator_pb2.GetEpisodeStatisticsResponse(
            num_episodes=8, true_return_mean=123.4, task="hopper-backflip", has_teacher=True
        )


@dataclass(frozen=True, slots=True)
class WatchedRun:
    """A run that nothing was reported of yet."""

    labeler: RealLabeler
    run_id: str
    url: str
    """Of a gateway before the labeler."""

    def calling(self, role: str) -> contextlib.AbstractAsyncContextManager[Any]:
        """Gives a stub that calls as a role."""
        return calling(self.labeler, self.labeler.tokens[role])

    async def open(self, page: Page, *, role: str = "owner") -> None:
        """Opens the page with a token in its address."""
        await page.goto(f"{self.url}/run#token={self.labeler.tokens[role]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def labeler_process(tmp_path_factory) -> Iterator[tuple[RealLabeler, Path, int]]:
    """One labeler's process for all tests, each of which has a run of its own; its folder and its simulator's port."""
    folder, simulator_port = tmp_path_factory.mktemp("labeler"), _free_port()
    process = RealLabeler(folder, port=_free_port(), simulator_port=simulator_port)
    process.start()
    yield process, folder, simulator_port
    process.kill()


@pytest_asyncio.fixture(loop_scope="session")
async def run(labeler_process, clips, request) -> AsyncIterator[WatchedRun]:
    """A new run, a simulator that draws for it, and a gateway."""
    labeler, folder, simulator_port = labeler_process
    server = create_server()
    simulator = ScoringSimulator(open_store(f"file://{folder}"), clips)
    simulator_pb2_grpc.add_SimulatorServiceServicer_to_server(simulator, server)
    bind(server, host="127.0.0.1", port=simulator_port)
    await server.start()
    run_id = request.node.name.replace("_", "-")[:64]
    async with calling(labeler, labeler.tokens["service"]) as service:
        new = pb.CreateRunRequest(run_id=run_id, task="hopper-backflip", question="Which flips better?")
        await service.CreateRun(new, timeout=30, wait_for_ready=True)
    async with serving_gateway(labeler.address, run_id=run_id) as url:
        yield WatchedRun(labeler, run_id, url)
    await server.stop(0)


async def _report(run: WatchedRun, *, env_steps: int) -> None:
    point = pb.ProgressPoint(
        env_steps=env_steps,
        total_env_steps=100_000,
        env_steps_per_s=2_000,
        label_budget=60,
        num_labels_due=12 + env_steps // 2_000,
        wished_labels_per_hour=340,
        preference_accuracy=0.5 + env_steps / 400_000,
        num_accuracy_preferences=20,
        predicted_reward_mean=env_steps / 100_000 - 0.1,
        reward_version=3,
        num_pool_segments=512,
    )
    async with run.calling("service") as service:
        await service.ReportProgress(pb.ReportProgressRequest(run_id=run.run_id, point=point))


def _segment(run: WatchedRun, name: str) -> trajectory_pb2.StoredSegment:
    return trajectory_pb2.StoredSegment(
        segment_id=name,
        segment_uri=f"{run.run_id}/segments/{name}.safetensors",
        sealed_uri=f"{run.run_id}/sealed/{name}.safetensors",
        duration_s=0.6,
    )


async def _draw_pairs(run: WatchedRun) -> None:
    """Has pairs drawn, the first without a prediction, and waits until they can be seen."""
    proposals = []
    for number in range(NUM_PAIRS):
        proposal = pb.Proposal(
            proposal_id=f"p{number}",
            first=_segment(run, f"s{number}-a"),
            second=_segment(run, f"s{number}-b"),
            wants_clips=True,
        )
        if number:
            # sums 4 and 0: whichever is shown left, it is foretold with 98%
            proposal.first_predicted_rewards.extend([0.0, 1.0, 2.0, 1.0])
            proposal.second_predicted_rewards.extend([1.0, -1.0, -1.0, 1.0])
            proposal.reward_version = number
        proposals.append(proposal)
    async with run.calling("service") as service:
        await service.ProposeQueries(pb.ProposeQueriesRequest(run_id=run.run_id, proposals=proposals))
    async with run.calling("owner") as owner, asyncio.timeout(20):
        request = pb.ListClipsRequest(run_id=run.run_id)
        while len((await owner.ListClips(request)).queries) < NUM_PAIRS:
            await asyncio.sleep(0.05)


async def _lease(run: WatchedRun, count: int) -> pb.LeaseQueriesResponse:
    async with run.calling("labeler") as person:
        response: pb.LeaseQueriesResponse = await person.LeaseQueries(
            pb.LeaseQueriesRequest(run_id=run.run_id, count=count)
        )
        return response


async def _answer_all(run: WatchedRun) -> None:
    """Answers each pair as foretold but the newest one, which the other way."""
    leases = (await _lease(run, NUM_PAIRS)).leases
    async with run.calling("labeler") as person:
        for number, lease in enumerate(leases):
            is_left = lease.query.left.segment_id.endswith("a") == (number < NUM_PAIRS - 1)
            side = preference_pb2.PREFERENCE_LEFT if is_left else preference_pb2.PREFERENCE_RIGHT
            answer = pb.SubmitPreferenceRequest(
                lease_token=lease.lease_token,
                answer_id=f"{run.run_id[:40]}-{number}",
                preference=side,
                response_ms=900,
            )
            await person.SubmitPreference(answer)


async def test_a_run_is_shown_as_it_stands_and_goes_on(page, run):
    """Curves, figures, clips with their answers and predictions, labelers; what is reported next comes by itself."""
    await _draw_pairs(run)
    await _answer_all(run)
    for env_steps in (0, 10_000, 20_000, 40_000):
        await _report(run, env_steps=env_steps)
    await run.open(page)

    await expect(page.locator("#run-state")).to_have_text("Running")
    await expect(page.locator("#figure-labels .value")).to_have_text("7 / 60")
    await expect(page.locator("#figure-needs")).to_contain_text("25 now")
    await expect(page.locator("#figure-needs")).to_contain_text("then 28 more within about 5 min")
    await expect(page.locator("#figure-accuracy .value")).to_have_text("60%")
    await expect(page.locator("#figure-left .value")).to_have_text("not known yet")
    await expect(page.locator("#chart-true .read-out b")).to_have_text("123")
    await expect(page.locator("#chart-predicted .read-out b")).to_have_text("0.30")
    await expect(page.locator("path.curve")).to_have_count(5)
    await expect(page.locator("#labelers tbody tr")).to_have_count(1)

    cards = page.locator(".clip-card")
    await expect(cards).to_have_count(6)
    # Seven answers in all: too few for what was predicted to mean anything.
    await expect(cards.first).to_contain_text("too early to say what it predicts")
    assert "98%" not in await page.locator(".clip-cards").inner_text()

    await _report(run, env_steps=100_000)
    await expect(page.locator("#run-state")).to_have_text("All steps are made", timeout=15_000)
    await expect(page.locator("#figure-left .value")).to_have_text("none")


async def test_the_curves_are_read_with_the_keyboard(page, run):
    """All of them at the same point; Escape goes back to the newest."""
    for env_steps in (0, 10_000, 20_000):
        await _report(run, env_steps=env_steps)
    await run.open(page)

    await page.locator("#chart-predicted .plot").focus()
    await page.keyboard.press("ArrowLeft")

    await expect(page.locator("#chart-predicted .read-out")).to_contain_text("at 10k steps")
    await expect(page.locator("#chart-predicted .read-out b")).to_have_text("0")
    await expect(page.locator("#chart-labels .read-out b").first).to_have_text("17")
    await page.keyboard.press("Escape")
    await expect(page.locator("#chart-labels .read-out b").first).to_have_text("22")


async def test_clips_play_with_the_reward_of_each_moment(page, run):
    """The cursor moves with the picture, the bar says which way, and a slider goes to a moment and stops there."""
    await _draw_pairs(run)
    await run.open(page)
    card = page.locator(".clip-card").first
    await card.scroll_into_view_if_needed()

    await page.wait_for_function(
        """() => {
            const [video] = document.querySelectorAll(".clip-card video");
            const moment = Number(document.querySelector(".clip-card .moment").getAttribute("x1")) / 100;
            return video.currentTime > 0.1 && Math.abs(moment - video.currentTime / video.duration) < 0.15;
        }"""
    )
    # steps 3 of 4: both sides' rewards are 2 and -1, their mean ½
    await card.locator(".moment-slider").fill("0.6")
    await expect(card.locator('.reward-bar div[data-sign="up"]')).to_have_count(1)
    await expect(card.locator('.reward-bar div[data-sign="down"]')).to_have_count(1)
    await expect(page.locator("#clips-play")).to_have_text("Play all")
    assert await page.evaluate("() => [...document.querySelectorAll('video')].every((video) => video.paused)")


async def test_a_run_is_paused_and_goes_on_by_the_keyboard(page, run):
    """Only after a confirmation in words; then nobody is asked, and the page says so to whoever opens it."""
    await _draw_pairs(run)
    await _report(run, env_steps=10_000)
    await run.open(page)

    await page.locator("#pause").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#pause-dialog")).to_contain_text("Nobody gets a new pair")
    await page.keyboard.press("Escape")
    assert len((await _lease(run, 1)).leases) == 1

    await page.keyboard.press("Enter")
    await page.locator("#pause-dialog button[type=submit]").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#run-state")).to_have_text("Paused: nobody is asked")
    assert (await _lease(run, 1)).is_paused

    await page.reload()
    await expect(page.locator("#run-state")).to_have_text("Paused: nobody is asked")
    await page.get_by_role("button", name="Let the run go on").click()
    await page.get_by_role("button", name="Go on", exact=True).click()
    await expect(page.locator("#run-state")).to_have_text("Running")
    assert len((await _lease(run, 1)).leases) == 1


async def test_an_empty_page_says_what_it_waits_for(page, run):
    """No empty axes, no zeros that nobody measured."""
    await run.open(page)
    await expect(page.locator("#run-state")).to_have_text("Waiting for the first report")
    await expect(page.get_by_text("first report. It comes a few seconds after")).to_be_visible()
    await expect(page.get_by_text("The first pairs are drawn once")).to_be_visible()
    await expect(page.get_by_text("Nobody has answered yet.")).to_be_visible()
    await expect(page.locator("path.curve")).to_have_count(0)


async def test_who_answers_sees_nothing_of_what_is_predicted(page, run):
    """A labeler's token leads to the labeling page, and the gateway refuses it what the run page asks for."""
    await _draw_pairs(run)
    await _report(run, env_steps=10_000)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await run.open(page, role="labeler")
    await page.wait_for_url(f"{run.url}/")
    await expect(page.locator("#question")).to_have_text("Which flips better?")
    assert not [one for one in asked if one.endswith(("GetRunProgress", "ListClips"))]

    headers = {"authorization": f"Bearer {run.labeler.tokens['labeler']}"}
    async with httpx.AsyncClient(base_url=run.url, headers=headers) as http:
        for method in ("GetRunProgress", "ListClips", "GetLabelerQuality", "UpdateRun"):
            response = await http.post(f"{SERVICE}/{method}", json={"runId": run.run_id})
            assert (response.status_code, response.json()["code"]) == (403, "permission_denied"), method


async def test_nothing_moves_for_who_wants_no_motion(browser, run):
    """Clips stand still until they are told to play."""
    await _draw_pairs(run)
    tab = await browser.new_page(reduced_motion="reduce")
    await run.open(tab)
    await tab.locator(".clip-card").first.scroll_into_view_if_needed()
    await asyncio.sleep(0.5)
    assert await tab.evaluate("() => [...document.querySelectorAll('video')].every((video) => video.paused)")
    await tab.locator("#clips-play").click()
    await tab.wait_for_function("() => document.querySelector('.clip-card video').currentTime > 0")
