"""The simulator works for a learner over a real stream."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import grpc.aio
import numpy as np
import pytest
import safetensors.numpy

from services.simulator.learner_stream import LearnerStream
from services.simulator.own_run import OwnRun
from services.simulator.rollouts.gatherer import Gatherer, GathererSettings
from services.simulator.rollouts.gatherer_thread import GathererThread
from services.simulator.segments.offers import Offer, OfferRing
from somersault.domain.trajectory import Rollout
from somersault.errors import EnvironmentFailedError, SomersaultError
from somersault.rpc import bind, create_server
from somersault.tasks import Task
from somersault.v1 import learner_pb2, learner_pb2_grpc
from somersault.wire import array_from_tensor, rollout_from_message

PolicyArrays = Callable[..., dict[str, np.ndarray]]
Response = learner_pb2.CollectResponse

NUM, STEPS = 4, 100

_ANY_RUN = OwnRun()


class _Learner(learner_pb2_grpc.LearnerServiceServicer):
    """Welcomes, sends policies 0 and 1, assigns the given versions, and keeps what comes."""

    def __init__(self, weights: Sequence[bytes], versions: Sequence[int]) -> None:
        self.weights, self.versions = weights, versions
        self.hellos: list[learner_pb2.SimulatorHello] = []
        self.rollouts: asyncio.Queue[Any] = asyncio.Queue()
        self.run_id = "run-1"

    async def Collect(self, request_iterator: Any, context: Any) -> AsyncIterator[Response]:
        hello = await anext(request_iterator)
        self.hellos.append(hello.hello)
        async for response in self._responses():
            yield response
        async for request in request_iterator:
            self.rollouts.put_nowait(request)

    async def _responses(self) -> AsyncIterator[Response]:
        yield Response(welcome=learner_pb2.CollectWelcome(rollout_steps=STEPS, seed=3, run_id=self.run_id))
        for version, weights in enumerate(self.weights):
            yield Response(policy=learner_pb2.Policy(policy_version=version, weights=weights))
        for version in self.versions:
            yield Response(assignment=learner_pb2.Assignment(policy_version=version))


class _ReferenceLearner(_Learner, learner_pb2_grpc.ReferenceLearnerServiceServicer):
    async def CollectReference(self, request_iterator: Any, context: Any) -> AsyncIterator[Response]:
        hello = await anext(request_iterator)
        self.hellos.append(hello.request.hello)
        async for response in self._responses():
            yield response
        async for request in request_iterator:
            self.rollouts.put_nowait(request)


@contextlib.asynccontextmanager
async def _serving(learner: _Learner, *, port: int = 0) -> AsyncIterator[int]:
    server: grpc.aio.Server = create_server()
    learner_pb2_grpc.add_LearnerServiceServicer_to_server(learner, server)
    if isinstance(learner, _ReferenceLearner):
        learner_pb2_grpc.add_ReferenceLearnerServiceServicer_to_server(learner, server)
    bound = bind(server, host="127.0.0.1", port=port)
    await server.start()
    try:
        yield bound
    finally:
        await server.stop(None)


@contextlib.asynccontextmanager
async def _collecting(
    task: Task,
    port: int,
    *,
    is_reference: bool = False,
    simulator_id: str = "sim-0",
    own_run: OwnRun = _ANY_RUN,
) -> AsyncIterator[tuple[LearnerStream, GathererThread, list[tuple[Offer, str]]]]:
    offers = _Offers()
    gatherer = _gatherer(task, offers)
    stream = LearnerStream(
        task,
        address=f"127.0.0.1:{port}",
        own_run=own_run,
        simulator_id=simulator_id,
        incarnation="life",
        gatherer=gatherer,
        is_reference=is_reference,
    )
    running = asyncio.create_task(stream.run())
    try:
        yield stream, gatherer, offers.added
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await gatherer.close()


class _Offers(OfferRing):
    """Lists all that is added."""

    def __init__(self) -> None:
        super().__init__(100)
        self.added: list[tuple[Offer, str]] = []

    def add(self, offer: Offer, *, run_id: str) -> None:
        super().add(offer, run_id=run_id)
        self.added.append((offer, run_id))


def _gatherer(task: Task, offers: OfferRing | None = None) -> GathererThread:
    settings = GathererSettings(num_environments=NUM)
    return GathererThread(task, incarnation="life", settings=settings, offers=offers)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _read(request: Any, task: Task) -> Rollout:
    return rollout_from_message(request.rollout, spec=task.spec, num_steps=STEPS, num_environments=NUM)


@pytest.fixture
def weights(policy_arrays: PolicyArrays) -> list[bytes]:
    """Two policies."""
    return [safetensors.numpy.save(policy_arrays(seed=seed)) for seed in (1, 2)]


async def test_one_rollout_an_assignment_in_order(task: Task, weights: list[bytes]) -> None:
    """Under the assigned versions, numbered from 0, with offers beside them."""
    learner = _Learner(weights, [0, 0, 1])
    async with _serving(learner) as port, _collecting(task, port) as (_, gatherer, offers):
        rollouts = [_read(await learner.rollouts.get(), task) for _ in range(3)]
        assert learner.rollouts.empty()
        assert [each.sequence for each in rollouts] == [0, 1, 2]
        assert [each.policy_version for each in rollouts] == [0, 0, 1]
        np.testing.assert_array_equal(rollouts[0].next_observations, rollouts[1].observations[0])
        assert [(offer.rollout_sequence, run_id) for offer, run_id in offers] == [
            (0, "run-1"),
            (1, "run-1"),
            (2, "run-1"),
        ]
        assert gatherer.statistics.env_steps == 3 * STEPS * NUM
    (hello,) = learner.hellos
    assert (hello.simulator_id, hello.incarnation, hello.num_environments) == ("sim-0", "life", NUM)
    assert hello.task.task == "hopper-backflip"


async def test_same_seed_and_simulator_give_the_same_rollouts(task: Task, weights: list[bytes]) -> None:
    """Another simulator of the same run gathers something else."""
    seen = []
    for simulator_id in ("sim-0", "sim-0", "sim-1"):
        learner = _Learner(weights, [0])
        async with _serving(learner) as port, _collecting(task, port, simulator_id=simulator_id):
            seen.append(_read(await learner.rollouts.get(), task).observations)
    np.testing.assert_array_equal(seen[0], seen[1])
    assert not np.array_equal(seen[0], seen[2])


async def test_environments_go_on_when_the_learner_comes_back(task: Task, weights: list[bytes]) -> None:
    """The next rollout begins where the last one ended, and counts on."""
    learner = _Learner(weights, [0])
    port = _free_port()
    async with _collecting(task, port) as (_, _, offers):
        async with _serving(learner, port=port):
            first = _read(await learner.rollouts.get(), task)
        learner.versions = [1]
        async with _serving(learner, port=port):
            second = _read(await learner.rollouts.get(), task)
    np.testing.assert_array_equal(first.next_observations, second.observations[0])
    assert (first.sequence, second.sequence) == (0, 1)
    assert len(offers) == 2


async def test_nothing_is_gathered_for_a_learner_that_is_gone(task: Task, weights: list[bytes]) -> None:
    """Of ten assignments sent at once, those that were left when it went away are dropped with the stream."""
    learner = _Learner(weights, [0] * 10)
    port = _free_port()
    async with _collecting(task, port) as (_, _, offers):
        async with _serving(learner, port=port):
            await learner.rollouts.get()
        num_gathered = -1
        while num_gathered != len(offers):  # until the rollout that was being gathered is done
            num_gathered = len(offers)
            await asyncio.sleep(0.7)
        assert num_gathered < 10
        learner.versions = [1]
        async with _serving(learner, port=port):
            async with asyncio.timeout(20):
                while (rollout := _read(await learner.rollouts.get(), task)).policy_version != 1:
                    pass
    assert rollout.sequence == num_gathered, "what comes next goes on where the last one ended"


async def test_another_run_starts_afresh(task: Task, weights: list[bytes]) -> None:
    """Under another run's name the first rollout is the first rollout again."""
    learner = _Learner(weights, [0])
    port = _free_port()
    async with _collecting(task, port) as (_, _, offers):
        async with _serving(learner, port=port):
            first = _read(await learner.rollouts.get(), task)
        learner.run_id = "run-2"
        async with _serving(learner, port=port):
            second = _read(await learner.rollouts.get(), task)
    np.testing.assert_array_equal(first.observations, second.observations)
    assert [run_id for _, run_id in offers] == ["run-1", "run-2"]


async def test_true_rewards_go_only_beside_reference_rollouts(task: Task, weights: list[bytes]) -> None:
    """A reference learner gets the true reward of each step as executed."""
    learner = _ReferenceLearner(weights, [0])
    async with _serving(learner) as port, _collecting(task, port, is_reference=True):
        request = await learner.rollouts.get()
    rollout = _read(request.request, task)
    rewards = array_from_tensor("true_rewards", request.true_rewards, shape=(STEPS, NUM))
    observations, actions = rollout.observations, np.clip(rollout.actions, -1, 1)
    effort = (actions * observations[..., 8:11]).sum(axis=-1)
    bonus = 0.3 * observations[..., 0] + 0.1 * effort - 0.05 * observations[..., 5]
    np.testing.assert_allclose(rewards, -observations[..., 7] * (1 + bonus), rtol=1e-4, atol=1e-5)


async def test_policy_that_does_not_fit_ends_the_simulator(task: Task, weights: list[bytes]) -> None:
    """The learner would send the same again: so the error is for good."""
    learner = _Learner([b"garbage"], [0])
    async with _serving(learner) as port, _collecting(task, port) as (stream, _, _):
        async with asyncio.timeout(10):
            with pytest.raises(SomersaultError) as refused:
                await stream.run()
    assert refused.value.is_hopeless
    assert learner.rollouts.empty()


_GATHER = Gatherer.gather


def _failing_in(*failures: int) -> Callable[..., Any]:
    """What gathers, but for these of the calls, in which an environment fails."""
    numbers = itertools.count()

    def gather(gatherer: Gatherer, **assigned: Any) -> Any:
        if next(numbers) in failures:
            raise EnvironmentFailedError("environment X raised ValueError: once (x.py:1)")
        return _GATHER(gatherer, **assigned)

    return gather


async def test_an_environment_that_fails_once_in_a_while_begins_anew(
    task: Task, weights: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a whole rollout the simulator goes on with new environments, whose segments have names of their own."""
    monkeypatch.setattr(Gatherer, "gather", _failing_in(2))
    learner = _Learner(weights, [0, 0, 0])
    async with _serving(learner) as port, _collecting(task, port) as (_, _, offers), asyncio.timeout(20):
        rollouts = [_read(await learner.rollouts.get(), task) for _ in range(4)]
    # The one that was being sent as the third failed may be lost with its stream.
    assert [rollout.sequence for rollout in rollouts] in ([0, 1, 3, 4], [0, 3, 4, 5])
    assert len(learner.hellos) == 2
    names = [kept.segment.segment_id for offer, _ in offers for kept in offer.segments]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    "failures",
    [[0], [1, 2], [1, 3, 5]],
    ids=["at once", "again right after it began anew", "three times within a minute"],
)
async def test_an_environment_that_fails_at_once_ends_the_simulator(
    task: Task, weights: list[bytes], monkeypatch: pytest.MonkeyPatch, failures: list[int]
) -> None:
    """Within the first rollout since it was begun, or so often, it would fail again; so the simulator ends instead of dialling for ever."""
    monkeypatch.setattr(Gatherer, "gather", _failing_in(*failures))
    async with _serving(_Learner(weights, [0, 0, 0])) as port, asyncio.timeout(20):
        gatherer = _gatherer(task)
        stream = LearnerStream(
            task,
            address=f"127.0.0.1:{port}",
            own_run=OwnRun(),
            simulator_id="sim-0",
            incarnation="life",
            gatherer=gatherer,
        )
        with pytest.raises(EnvironmentFailedError) as failed:
            await stream.run()
        await gatherer.close()
    assert failed.value.is_hopeless
