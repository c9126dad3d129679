"""Takes the pages' pictures in ``docs/images``: ``python -m tests.services.web.page.screenshots [CLIPS] [PAGE …]``.

CLIPS is a folder with a run's clips (``runs/NAME/clips``); without it, the clips of the practice pairs serve. A PAGE is
labeling, run, runs, answers or owner; without any, all are taken. Look at each picture before it is committed.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import io
import random
import sys
import tempfile
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.async_api import Browser, Page, async_playwright

from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2, simulator_pb2
from tests.services.web.page.watched_run import (
    LabelerProcess,
    ScoringSimulator,
    WatchedRun,
    free_port,
    watching,
)
from tests.services.web.real_labeler import RealLabeler, calling

ROOT = Path(__file__).resolve().parents[4]
IMAGES = ROOT / "docs/images"
PRACTICE = ROOT / "somersault/tasks/practice/hopper-backflip"

WINDOWS = {"": (1280, 800), "-phone": (390, 844), "-landscape": (844, 390)}
LABELERS = {"Ada Lovelace": 0.05, "Grace Hopper": 0.1, "Hasty Harry": 0.45, "Mary Somerville": 0.05}
"""Who answers, and how often wrongly."""

GUIDELINES = (
    "The hopper should jump and turn **backwards** through the air, then land on its foot and do it again. Turning"
    " further backwards is better; turning forwards, lying on the floor and sliding are worse.\n"
)


class ImprovingSimulator(ScoringSimulator):
    """Renders, and tells of a policy that gets better."""

    num_asked = 0

    async def Render(self, request, context):
        """Store a clip that its name chooses."""
        clip = self._clips[zlib.crc32(request.clip_uri.encode()) % len(self._clips)]
        stored = await asyncio.to_thread(self._store.put, request.clip_uri, clip)
        return simulator_pb2.RenderResponse(clip_uri=request.clip_uri, clip_sha256=stored.sha256)

    async def GetEpisodeStatistics(self, request, context):
        """Return a higher mean each time."""
        self.num_asked += 1
        mean = 60 + 2.2 * self.num_asked**1.7 + 40 * (self.num_asked % 4)
        return simulator_pb2.GetEpisodeStatisticsResponse(
            num_episodes=8, true_return_mean=mean, task="hopper-backflip", has_teacher=True
        )


async def main(arguments: list[str]) -> None:
    """Make a run with answers and reports, and take the pictures that are asked for."""
    folders = [Path(one) for one in arguments if Path(one).is_dir()]
    wanted = [one for one in arguments if not Path(one).is_dir()] or list(SHOTS)
    clips, policies = read_clips(folders[0] if folders else PRACTICE)
    folder, simulator_port = Path(tempfile.mkdtemp()), free_port()
    labeler = RealLabeler(folder, port=free_port(), simulator_port=simulator_port)
    labeler.start()
    process = LabelerProcess(labeler, folder, simulator_port)
    run_id = "hopper-backflip-1"
    try:
        async with (
            watching(process, clips, run_id=run_id, simulator_type=ImprovingSimulator) as run,
            async_playwright() as playwright,
        ):
            await fill(run, policies)
            browser = await playwright.chromium.launch(
                executable_path="/usr/bin/chromium", args=["--no-sandbox", "--headless"]
            )
            for name in wanted:
                await SHOTS[name](run, browser)
            await browser.close()
    finally:
        labeler.kill()


def read_clips(folder: Path) -> tuple[list[bytes], list[bytes]]:
    """Return a folder's clips of segments and of policies; where there are none of policies, all serve."""
    videos = {path.name: path.read_bytes() for path in sorted(folder.glob("*.mp4"))}
    segments = [data for name, data in videos.items() if not name.startswith("policy")]
    policies = [data for name, data in videos.items() if name.startswith("policy")]
    return segments, [*segments[:5], *(policies or segments)[-1:]]


async def fill(run: WatchedRun, policies: list[bytes]) -> None:
    """Have labelers answer, the reward service report, and a second run end."""
    async with run.calling("owner") as owner:
        await owner.SetGuidelines(pb.SetGuidelinesRequest(run_id=run.run_id, text=GUIDELINES))
    await run.update(target_answers=2, gold_interval=4, label_budget=100)
    for batch in "abcdefg":
        await run.render_pairs(prefix=batch)
    for seed, (name, error) in enumerate(LABELERS.items()):
        await answer_as(run, name, error=error, rng=random.Random(seed))
    for index in range(60):
        await run.report(**report(index, num_awaited=12 if index == 59 else 0))
    for index, clip in enumerate(policies):
        await run.add_policy_clip(clip, env_steps=index * 10_000)
    await finish_another(run, policies[-1])


async def finish_another(run: WatchedRun, clip: bytes) -> None:
    """Have the labeler know a run that is finished."""
    other = dataclasses.replace(run, run_id="hopper-backflip-2")
    async with run.calling("service") as service:
        new = pb.CreateRunRequest(run_id=other.run_id, task="hopper-backflip", question="Which flips better?")
        await service.CreateRun(new)
    for batch in "xyz":
        await other.render_pairs(prefix=batch)
        await other.answer_all(prefix=batch)
    await other.report(env_steps=100_000, label_budget=21)
    await other.add_policy_clip(clip, env_steps=100_000, is_final=True)
    headline = "It makes 1.9 backflips an episode."
    result = pb.RunResult(env_steps=100_000, num_labels=21, headline=headline, true_return_mean=3310)
    await other.update(state=pb.RUN_STATE_FINISHED, label_budget=21, result=result)


def report(index: int, *, num_awaited: int) -> dict[str, Any]:
    """Return one of sixty reports; after forty of them the learner was resumed from a checkpoint."""
    noise = random.Random(index).random()
    return {
        "env_steps": 1_200 * (index if index < 40 else index - 8),
        "num_labels_due": 33 + index // 2,
        "preference_accuracy": 0.5 + 0.3 * index / 60 + 0.04 * noise,
        "num_accuracy_preferences": min(100, index),
        "predicted_reward_mean": 0.01 * index + 0.1 * noise,
        "reward_version": index // 4,
        "num_awaited": num_awaited,
    }


async def answer_as(run: WatchedRun, name: str, *, error: float, rng: random.Random) -> None:
    """Invite a labeler who answers what there is: the segment of the first half of a pair, but for errors."""
    async with run.calling("owner") as owner:
        request = pb.CreateLabelerRequest(name=name, role=preference_pb2.ROLE_LABELER, run_ids=[run.run_id])
        invited = await owner.CreateLabeler(request)
    async with calling(run.labeler, invited.token) as stub:
        for number in range(25):
            leases = (await stub.LeaseQueries(pb.LeaseQueriesRequest(run_id=run.run_id, count=1))).leases
            if not leases:
                return
            is_left = leases[0].query.left.segment_id.endswith("a") != (rng.random() < error)
            answer = pb.SubmitPreferenceRequest(
                lease_token=leases[0].lease_token,
                answer_id=f"{invited.labeler_id}-{number}",
                preference=preference_pb2.PREFERENCE_LEFT if is_left else preference_pb2.PREFERENCE_RIGHT,
                response_ms=150 if error > 0.3 else 1_400,
            )
            await stub.SubmitPreference(answer)


async def label(run: WatchedRun, browser: Browser) -> None:
    """Take the labeling page after ten answers, with what the agent does now beside the pair."""
    await run.update(target_answers=1)
    for batch in "hijk":
        await run.render_pairs(prefix=batch)
    for suffix, scheme in (
        ("-light", "light"),
        ("-dark", "dark"),
        ("-phone", "light"),
        ("-landscape", "light"),
    ):
        window = suffix if suffix in WINDOWS else ""
        async with opened(browser, window, scheme) as page:
            await run.open(page, role="labeler", path="/")
            await page.wait_for_selector("#guidelines[open]")
            await page.keyboard.press("Escape")
            await page.wait_for_selector("#practice")
            await page.keyboard.press("r")
            for number in range(10 if not window else 2):
                await page.wait_for_selector("video.shown")
                await asyncio.sleep(2)
                await page.keyboard.press("ArrowLeft" if number % 2 else "ArrowRight")
            if not window:
                await page.wait_for_selector("#reveal")
            await asyncio.sleep(1.2)
            save(await page.screenshot(), f"labeling{suffix}")


def section(
    name: str, path: str, ready: str, *, height: int, windows: tuple[str, ...] = tuple(WINDOWS)
) -> Any:
    """Return what takes one page of the owner in light and dark, whole in a large window up to a height."""

    async def take(run: WatchedRun, browser: Browser) -> None:
        await run.report(**report(59, num_awaited=12))  # so that its services aren't silent
        for window in windows:
            for scheme in ("light", "dark"):
                async with opened(browser, window, scheme) as page:
                    await run.open(page, path=path.partition("#")[0])
                    if "#" in path:
                        await page.wait_for_selector("#asking-form")
                        await page.goto(run.url + path)
                    await page.wait_for_selector(ready)
                    await asyncio.sleep(1.5)
                    picture = await page.screenshot(full_page=not window)
                    save(picture, f"{name}{window}-{scheme}", height=None if window else height)

    return take


@contextlib.asynccontextmanager
async def opened(browser: Browser, window: str, scheme: Any) -> AsyncIterator[Page]:
    """Yield a new tab in a window's size."""
    width, height = WINDOWS[window]
    context = await browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, has_touch=bool(window)
    )
    yield await context.new_page()
    await context.close()


def save(png: bytes, name: str, *, height: int | None = None) -> None:
    """Write a picture, cut to a height."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    if height:
        picture = picture.crop((0, 0, picture.width, min(height, picture.height)))
    picture.save(IMAGES / f"{name}.png", optimize=True)


SHOTS = {
    "run": section("run", "/run", ".clip-card", height=1716),
    "runs": section("runs", "/runs", ".policy-thumb video[src]", height=345),
    "answers": section("answers", "/owner#answers", "#answer-cards .clip-card", height=1000),
    "owner": section("owner", "/owner#quality", "#quality-table a", height=620, windows=("",)),
    "labeling": label,  # last, since it answers
}

if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
