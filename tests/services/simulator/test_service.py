"""The simulator's rpcs over the wire."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import io
import threading
from collections.abc import AsyncIterator, Callable

import av
import numpy as np
import pytest
import safetensors.numpy

from services.simulator.clips.clip_renderer import ClipRenderer
from services.simulator.clips.render_process import RenderProcess
from services.simulator.environments.mujoco.model import load_model
from services.simulator.episodes.evaluation import Evaluation, evaluate
from services.simulator.own_run import OwnRun
from services.simulator.policy import Policy
from services.simulator.segments.storage import store_segment
from services.simulator.service import SimulatorServicer
from somersault.domain.keys import clip_key, policy_clip_key, video_key
from somersault.domain.trajectory import StoredSegment
from somersault.errors import (
    CorruptDataError,
    InvalidInputError,
    NotFoundError,
    ResourceExhaustedError,
    UnavailableError,
)
from somersault.rpc import bind, call, create_server, open_channel
from somersault.storage import ObjectStore, open_store
from somersault.tasks import Task
from somersault.v1 import simulator_pb2, simulator_pb2_grpc
from somersault.wire import tensor_from_array

PolicyArrays = Callable[..., dict[str, np.ndarray]]
Stub = simulator_pb2_grpc.SimulatorServiceStub
CLIP = clip_key("run-1", "kept-0000")


@pytest.fixture
def store() -> ObjectStore:
    """An empty object store."""
    return open_store("memory://")


async def _serve(task: Task, store: ObjectStore, **rendering: object) -> AsyncIterator[Stub]:
    async for stub, _ in _serve_at(task, store, **rendering):
        yield stub


async def _serve_at(task: Task, store: ObjectStore, **rendering: object) -> AsyncIterator[tuple[Stub, int]]:
    process = RenderProcess(task)
    settings = {"process": process, "max_waiting": 4} | rendering
    servicer = SimulatorServicer(
        task,
        own_run=OwnRun("run-1"),
        incarnation="life",
        store=store,
        renderer=ClipRenderer(task, own_run=OwnRun("run-1"), store=store, **settings),  # type: ignore[arg-type]
        gatherer=None,
        num_threads=1,
    )
    server = create_server()
    simulator_pb2_grpc.add_SimulatorServiceServicer_to_server(servicer, server)
    port = bind(server, host="127.0.0.1", port=0)
    await server.start()
    async with open_channel(f"127.0.0.1:{port}") as channel:
        yield Stub(channel), port
    await server.stop(None)
    await process.close()


@pytest.fixture
async def stub(task: Task, store: ObjectStore) -> AsyncIterator[Stub]:
    """A client of a simulator."""
    async for each in _serve(task, store):
        yield each


@pytest.fixture
def stored(task: Task, store: ObjectStore, policy_arrays: PolicyArrays) -> StoredSegment:
    """A stored episode."""
    policy = Policy(policy_arrays(), spec=task.spec)
    evaluation = evaluate(policy, task, num_episodes=1, seed=0, name="kept")
    return store_segment(evaluation.best_episodes[0], task=task, store=store, run_id="run-1")


async def test_render_stores_a_clip_and_says_its_digest(
    stub: Stub, store: ObjectStore, stored: StoredSegment
) -> None:
    """80 frames of a 400-step episode; the same request gives the same bytes."""
    request = simulator_pb2.RenderRequest(segment_uri=stored.segment_uri, clip_uri=CLIP)
    response = await call(stub.Render, request, timeout_s=60)
    clip = store.get(CLIP)
    assert response.clip_uri == CLIP
    assert response.clip_sha256 == hashlib.sha256(clip).hexdigest()
    assert response.size_bytes == len(clip)
    assert response.num_frames == 80
    again = await call(stub.Render, request, timeout_s=60)
    assert again == response


async def test_render_shows_predicted_rewards_beside_the_agent(stub: Stub, stored: StoredSegment) -> None:
    """The clip differs from one without a bar; one reward per step is required."""
    plain = simulator_pb2.RenderRequest(segment_uri=stored.segment_uri, clip_uri=CLIP)
    rewards = np.sin(np.arange(400)).astype(np.float32)
    barred = simulator_pb2.RenderRequest(
        segment_uri=stored.segment_uri,
        clip_uri=video_key("run-1", "kept-0000", has_bar=True),
        predicted_rewards=tensor_from_array(rewards),
    )
    digests = {(await call(stub.Render, request, timeout_s=60)).clip_sha256 for request in (plain, barred)}
    assert len(digests) == 2
    barred.predicted_rewards.CopyFrom(tensor_from_array(rewards[:-1]))
    with pytest.raises(InvalidInputError, match="predicted_rewards is 399, must be 400"):
        await call(stub.Render, barred, timeout_s=60)


async def test_render_refuses_what_it_can_not_render(
    stub: Stub, store: ObjectStore, stored: StoredSegment
) -> None:
    """Missing, corrupt, sealed and checkpoint objects, another run's, and a clip of any name but the one that we make."""
    bad = store.put("run-1/segments/bad.safetensors", b"garbage").key
    expected = [
        ("run-1/segments/none.safetensors", clip_key("run-1", "none"), NotFoundError),
        (bad, clip_key("run-1", "bad"), CorruptDataError),
        (stored.sealed_uri, CLIP, InvalidInputError),
        ("run-1/checkpoints/reward/000000000001.safetensors", CLIP, InvalidInputError),
        ("run-2/segments/kept-0000.safetensors", clip_key("run-2", "kept-0000"), InvalidInputError),
        ("../etc/passwd", CLIP, InvalidInputError),
        (stored.segment_uri, "run-1/checkpoints/learner/999999999999.mp4", InvalidInputError),
        (stored.segment_uri, clip_key("run-1", "another"), InvalidInputError),
        (stored.segment_uri, clip_key("run-2", "kept-0000"), InvalidInputError),
        (stored.segment_uri, policy_clip_key("run-1", 3), InvalidInputError),
        (stored.segment_uri, video_key("run-1", "kept-0000", has_bar=True), InvalidInputError),
    ]
    for segment_uri, clip_uri, error in expected:
        request = simulator_pb2.RenderRequest(segment_uri=segment_uri, clip_uri=clip_uri)
        with pytest.raises(error):
            await call(stub.Render, request, timeout_s=60)
    assert sorted(store.list("")) == sorted([bad, stored.sealed_uri, stored.segment_uri])


async def test_what_people_compare_is_never_drawn_with_a_bar(
    stub: Stub, store: ObjectStore, stored: StoredSegment
) -> None:
    """Nor of another size: such a clip would bias whoever sees it."""
    bar = tensor_from_array(np.zeros(400, np.float32))
    for changed in ({"predicted_rewards": bar}, {"size_px": 96}):
        request = simulator_pb2.RenderRequest(segment_uri=stored.segment_uri, clip_uri=CLIP, **changed)
        with pytest.raises(InvalidInputError, match="clip_uri"):
            await call(stub.Render, request, timeout_s=60)
    assert not store.exists(CLIP)


async def test_a_simulator_works_for_its_own_run_alone(stub: Stub, policy_arrays: PolicyArrays) -> None:
    """An evaluation stores nothing under another run's prefix."""
    request = simulator_pb2.EvaluateRequest(
        policy=safetensors.numpy.save(policy_arrays()), num_episodes=1, num_stored_episodes=1, run_id="run-2"
    )
    with pytest.raises(InvalidInputError, match="run_id is 'run-2', must be 'run-1'"):
        await call(stub.Evaluate, request, timeout_s=60)


@pytest.mark.parametrize(
    ("rendering", "error"),
    [({"process": None}, UnavailableError), ({"max_waiting": 0}, ResourceExhaustedError)],
)
async def test_render_says_when_it_can_not(
    task: Task,
    store: ObjectStore,
    stored: StoredSegment,
    rendering: dict[str, object],
    error: type[Exception],
) -> None:
    """Without rendering, or with too many clips waiting."""
    request = simulator_pb2.RenderRequest(segment_uri=stored.segment_uri, clip_uri=CLIP)
    async for stub in _serve(task, store, **rendering):
        with pytest.raises(error):
            await call(stub.Render, request, timeout_s=60)


async def test_evaluate_measures_and_stores_the_best(
    stub: Stub, task: Task, store: ObjectStore, policy_arrays: PolicyArrays
) -> None:
    """Three episodes scored; the best is stored whole and can be rendered."""
    request = simulator_pb2.EvaluateRequest(
        policy=safetensors.numpy.save(policy_arrays()),
        num_episodes=3,
        seed=5,
        num_stored_episodes=1,
        run_id="run-1",
    )
    response = await call(stub.Evaluate, request, timeout_s=60)
    expected = evaluate(Policy(policy_arrays(), spec=task.spec), task, num_episodes=3, seed=5)
    assert [each.true_return for each in response.episodes] == [
        score.true_return for score in expected.scores
    ]
    (best,) = response.stored_episodes
    assert best.duration_s == pytest.approx(3.2)
    sealed = safetensors.numpy.load(store.get(best.sealed_uri))
    highest = max(each.true_return for each in response.episodes)
    assert sealed["true_rewards"].sum() == pytest.approx(highest, rel=1e-4)
    assert store.exists(best.segment_uri)


async def test_evaluate_refuses_what_is_out_of_bounds(stub: Stub, policy_arrays: PolicyArrays) -> None:
    """Numbers, names and policies."""
    policy = safetensors.numpy.save(policy_arrays())
    make = simulator_pb2.EvaluateRequest
    expected = [
        (make(policy=policy, num_episodes=0), "num_episodes"),
        (make(policy=policy, num_episodes=1025), "num_episodes"),
        (make(policy=policy, num_episodes=1, seed=-1), "seed"),
        (make(policy=policy, num_episodes=1, num_stored_episodes=1), "run_id"),
        (make(policy=b"garbage", num_episodes=1), "policy"),
        (make(policy=policy, num_episodes=1, episode_steps=-1), "episode_steps"),
        (make(policy=policy, num_episodes=1, episode_steps=10_001), "episode_steps"),
    ]
    for request, field in expected:
        with pytest.raises(InvalidInputError, match=field):
            await call(stub.Evaluate, request, timeout_s=60)


async def test_episodes_are_as_long_as_asked_for(
    stub: Stub, store: ObjectStore, policy_arrays: PolicyArrays
) -> None:
    """Longer and shorter than the task's 400 steps; the longer one is stored whole under another name and rendered."""
    request = simulator_pb2.EvaluateRequest(
        policy=safetensors.numpy.save(policy_arrays()),
        num_episodes=1,
        num_stored_episodes=1,
        run_id="run-1",
    )
    names = set()
    for episode_steps, num_steps in ((0, 400), (40, 40), (500, 500)):
        request.episode_steps = episode_steps
        response = await call(stub.Evaluate, request, timeout_s=60)
        (kept,) = response.stored_episodes
        names.add(kept.segment_id)
        rewards = safetensors.numpy.load(store.get(kept.sealed_uri))["true_rewards"]
        assert rewards.shape == (num_steps,)
        assert response.episodes[0].true_return == pytest.approx(rewards.sum(dtype=np.float64), rel=1e-5)
    assert len(names) == 3
    render = simulator_pb2.RenderRequest(segment_uri=kept.segment_uri, clip_uri=policy_clip_key("run-1", 7))
    assert (await call(stub.Render, render, timeout_s=60)).num_frames == 100


async def test_clip_is_as_large_as_asked_for(stub: Stub, store: ObjectStore, stored: StoredSegment) -> None:
    """64 to 1,024 and even; the next clip without a size has the task's own, bit for bit."""
    sized_key = video_key("run-1", "kept-0000", size_px=96)
    own = simulator_pb2.RenderRequest(segment_uri=stored.segment_uri, clip_uri=CLIP)
    before = await call(stub.Render, own, timeout_s=60)
    sized = simulator_pb2.RenderRequest(segment_uri=stored.segment_uri, clip_uri=sized_key, size_px=96)
    assert (await call(stub.Render, sized, timeout_s=60)).num_frames == 80
    with av.open(io.BytesIO(store.get(sized_key))) as container:
        stream = container.streams.video[0]
        assert (stream.height, stream.width) == (96, 96)
    assert await call(stub.Render, own, timeout_s=60) == before
    for size_px in (-2, 62, 97, 1026):
        sized.size_px = size_px
        with pytest.raises(InvalidInputError, match=f"size_px is {size_px}, must be an even number"):
            await call(stub.Render, sized, timeout_s=60)


async def test_a_policy_that_is_too_large_is_refused(stub: Stub) -> None:
    """Past the 16 MiB that Evaluate says."""
    request = simulator_pb2.EvaluateRequest(policy=bytes((16 << 20) + 1), num_episodes=1)
    with pytest.raises(InvalidInputError, match="bytes of policy is 16777217, must be at most 16777216"):
        await call(stub.Evaluate, request, timeout_s=60)


async def test_evaluations_that_wait_hold_bounded_memory_and_starve_nobody(
    task: Task, store: ObjectStore, policy_arrays: PolicyArrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of twenty large ones most are refused at once; another caller is served meanwhile, and cancelled ones stop."""
    begun, is_over = threading.Semaphore(0), threading.Event()
    running: list[int] = []

    def long(*_: object, is_unwanted: Callable[[], bool], **__: object) -> object:
        running.append(1)
        begun.release()
        while not (is_unwanted() or is_over.wait(0.01)):
            pass
        running.pop()
        return Evaluation((), ())

    monkeypatch.setattr("services.simulator.service.evaluate", long)
    monkeypatch.setattr("services.simulator.service.Policy.from_bytes", lambda *_, **__: None)
    large = simulator_pb2.EvaluateRequest(policy=bytes(15 << 20), num_episodes=1)
    small = simulator_pb2.EvaluateRequest(policy=b"small", num_episodes=1)
    async for stub, port in _serve_at(task, store):
        calls = [asyncio.create_task(call(stub.Evaluate, large, timeout_s=60)) for _ in range(20)]
        refused, waiting = await asyncio.wait(calls, return_when=asyncio.FIRST_EXCEPTION)
        while len(waiting) > 2:
            more, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_EXCEPTION)
            refused |= more
        assert {type(each.exception()) for each in refused} == {ResourceExhaustedError}
        assert await asyncio.to_thread(begun.acquire, timeout=10)
        # A caller is a connection, which channels to one address share unless told otherwise.
        async with open_channel(f"127.0.0.1:{port}", has_own_connection=True) as channel:
            other = asyncio.create_task(call(Stub(channel).Evaluate, small, timeout_s=60))
            assert await asyncio.to_thread(begun.acquire, timeout=10)
            statistics = simulator_pb2.GetEpisodeStatisticsRequest()
            await call(stub.GetEpisodeStatistics, statistics, timeout_s=5)
            for each in waiting:
                each.cancel()
            async with asyncio.timeout(10):
                while len(running) > 1:
                    await asyncio.sleep(0.01)
            is_over.set()
            await other
        await call(stub.Evaluate, small, timeout_s=60)


async def test_statistics_of_a_simulator_that_gathers_nothing_are_empty(stub: Stub) -> None:
    """No episodes, no steps, but a name."""
    request = simulator_pb2.GetEpisodeStatisticsRequest()
    response = await call(stub.GetEpisodeStatistics, request, timeout_s=10)
    assert (response.num_episodes, response.env_steps, response.incarnation) == (0, 0, "life")


@pytest.mark.parametrize("teacher", ["flips", None])
async def test_statistics_say_of_what_task_they_are(
    task: Task, store: ObjectStore, teacher: str | None
) -> None:
    """And whether it has a true reward: without one its returns mean nothing."""
    request = simulator_pb2.GetEpisodeStatisticsRequest()
    async for stub in _serve(dataclasses.replace(task, teacher=teacher), store):
        response = await call(stub.GetEpisodeStatistics, request, timeout_s=10)
        assert (response.task, response.has_teacher) == (task.name, teacher is not None)


def test_stored_states_give_the_recorded_observations(task: Task, policy_arrays: PolicyArrays) -> None:
    """A stored segment's physics states hold its observations bit for bit."""
    episode = evaluate(Policy(policy_arrays(), spec=task.spec), task, num_episodes=1, seed=0)
    best = episode.best_episodes[0]
    model, states = load_model(task), best.footage["states"]
    positions, velocities = states[:-1, 2 : 1 + model.nq], states[:-1, 1 + model.nq :]
    expected = np.concatenate((positions, np.clip(velocities, -10, 10)), axis=1)
    np.testing.assert_array_equal(best.segment.observations, expected.astype(np.float32))
