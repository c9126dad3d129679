"""Whole services in this process, with something in them to ask for."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.descriptor import MethodDescriptor
from hypothesis import strategies as st

from services.learner.application import build as build_learner
from services.learner.config import LearnerConfig
from services.reward.application import build as build_reward
from services.reward.config import RewardConfig
from services.simulator.application import SimulatorApplication
from services.simulator.config import SimulatorConfig
from somersault.domain.roles import Role
from somersault.formats.safetensors import encode
from somersault.rpc import bind, create_server
from somersault.runtime.urls import file_url
from somersault.storage import open_store
from somersault.tasks import get_task
from somersault.v1 import labeler_pb2, learner_pb2, reward_pb2, simulator_pb2
from somersault.wire import task_spec_to_message, tensor_from_array
from somersault.wire.access import ROLES
from tests.fuzzing.messages import Values, chosen
from tests.services.labeler.running import RUN_ID, TOKENS, lease, running_labeler, submit
from tests.services.learner.serving import serving

__all__ = ["TARGETS", "Target"]

TASK = "pendulum"


@dataclass(frozen=True, kw_only=True)
class Target:
    """A service that is being served."""

    address: str
    methods: tuple[MethodDescriptor, ...]
    values: Values
    """What fields hold more often than not (`messages`)."""
    tokens: Mapping[Role, str] = field(default_factory=dict)
    """Of whoever may call; none where none are asked for."""
    folder: str = ""
    greetings: Mapping[str, bytes] = field(default_factory=dict)
    """By rpc: the first message of a stream, right."""

    def tokens_for(self, method: MethodDescriptor) -> list[str]:
        """Return whose token to send: mostly one that may call the rpc; an empty one is not sent."""
        right = [token for role, token in self.tokens.items() if role in ROLES.get(method.name, ())]
        return [*right * 8, *self.tokens.values(), ""]


def _methods(*files: Any) -> tuple[MethodDescriptor, ...]:
    services = [service for file in files for service in file.DESCRIPTOR.services_by_name.values()]
    return tuple(method for service in services for method in service.methods)


_SECONDS = st.sampled_from([0.0, 0.0, 0.01, -1.0, float("nan"), float("inf"), 1e308])


@contextlib.asynccontextmanager
async def _labeler(folder: Path) -> AsyncIterator[Target]:
    """Serve a labeler with a run, queries, a lease and answers."""
    async with running_labeler(folder) as labeler:
        await labeler.create_run()
        query_ids = await labeler.propose("a", "b", "c", "d")
        teacher = labeler.as_role(Role.TEACHER)
        first, second = await lease(teacher, count=2)
        await submit(teacher, first.lease_token, "a1")
        invited = [
            await labeler.as_role(Role.OWNER).CreateLabeler(
                labeler_pb2.CreateLabelerRequest(name="x", role=1)
            )
            for _ in range(2)
        ]
        yield Target(
            address=labeler.address,
            methods=_methods(labeler_pb2),
            tokens=TOKENS,
            folder=str(folder),
            values=Values(
                {
                    "run_id": st.just(RUN_ID),
                    "query_id": st.sampled_from(query_ids),
                    "query_ids": st.sampled_from(query_ids),
                    "lease_token": st.sampled_from([first.lease_token, second.lease_token]),
                    "answer_id": st.sampled_from(["a1", "b1"]),
                    "labeler_id": st.sampled_from([one.labeler_id for one in invited]),
                    "wait_s": _SECONDS,
                    "lease_s": _SECONDS,
                    "url": st.sampled_from(["https://example.org/x", "http://[::1]/", "https://a:b@c/", "x"]),
                    "clip_uri": st.sampled_from([f"{RUN_ID}/policy-clips/a.mp4", f"{RUN_ID}/segments/a"]),
                    "segment_uri": st.sampled_from(
                        [f"{RUN_ID}/segments/a-first.safetensors", "../x", "/etc/passwd"]
                    ),
                }
            ),
        )


@contextlib.asynccontextmanager
async def _learner(folder: Path) -> AsyncIterator[Target]:
    """Serve a learner of an ordinary run, whose loop runs."""
    async with _any_learner(folder, is_reference=False) as target:
        yield target


@contextlib.asynccontextmanager
async def _reference_learner(folder: Path) -> AsyncIterator[Target]:
    """Serve a learner of a reference run, whose loop runs."""
    async with _any_learner(folder, is_reference=True) as target:
        yield target


@contextlib.asynccontextmanager
async def _any_learner(folder: Path, *, is_reference: bool) -> AsyncIterator[Target]:
    config = LearnerConfig(
        task=TASK,
        run_id="r",
        storage_url=file_url(folder),
        is_reference=is_reference,
        rollout_steps=4,
        total_env_steps=1_000_000,
        reward_address="127.0.0.1:9",
    )
    async with serving(await build_learner(config)) as address:
        stop = learner_pb2.CONTROL_ACTION_STOP
        actions = [number for number in learner_pb2.ControlAction.values() if number != stop]
        yield Target(
            address=address,
            methods=_methods(learner_pb2),
            folder=str(folder),
            values=Values(_trajectories(), action=st.sampled_from(actions)),
            greetings=_greetings(),
        )


@contextlib.asynccontextmanager
async def _reward(folder: Path) -> AsyncIterator[Target]:
    """Serve a reward service; it needs no labeler to be asked."""
    config = RewardConfig(task=TASK, run_id="r", storage_url=file_url(folder))
    application = await build_reward(config)
    async with _served(application.add_to) as address:
        yield Target(
            address=address,
            methods=_methods(reward_pb2),
            folder=str(folder),
            values=Values(_trajectories()),
            greetings=_greetings(),
        )


@contextlib.asynccontextmanager
async def _simulator(folder: Path) -> AsyncIterator[Target]:
    """Serve a simulator that renders nothing."""
    config = SimulatorConfig(
        task=TASK,
        storage_url=file_url(folder),
        has_rendering=False,
        learner_address=None,
        reward_address=None,
        num_environments=1,
    )
    open_store(config.storage_url).put("r/segments/a.safetensors", b"no segment")
    application = SimulatorApplication(config, store=config.open_store(), render_process=None)
    async with _served(application.add_to) as address:
        yield Target(
            address=address,
            methods=_methods(simulator_pb2),
            folder=str(folder),
            values=Values(
                {
                    "segment_uri": st.sampled_from(
                        ["r/segments/a.safetensors", "r/segments/b.safetensors", "../x"]
                    ),
                    "clip_uri": st.sampled_from(["r/clips/a.mp4", "r/checkpoints/x.mp4", "../a.mp4", ".mp4"]),
                    "policy": chosen(_policies()),
                    "num_episodes": st.sampled_from([1, 2, 0, -1, 1025, 2**31 - 1]),
                    "episode_steps": st.sampled_from([1, 5, 0, -1, 10_001]),
                    "num_stored_episodes": st.sampled_from([0, 1, -1, 1025]),
                }
            ),
        )


@contextlib.asynccontextmanager
async def _served(add_to: Callable[[Any], object]) -> AsyncIterator[str]:
    server = create_server()
    add_to(server)
    port = bind(server, host="127.0.0.1", port=0)
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


def _policies() -> list[bytes]:
    """Return a policy for the task, and some that look like one."""
    (size,), (width,) = (int(n) for n in get_task(TASK).spec.frame_shape), (get_task(TASK).spec.action_dim,)
    arrays = {
        "observation_mean": np.zeros(size, np.float32),
        "observation_std": np.ones(size, np.float32),
        "hidden_0.weight": np.zeros((4, size), np.float32),
        "hidden_0.bias": np.zeros(4, np.float32),
        "hidden_1.weight": np.zeros((4, 4), np.float32),
        "hidden_1.bias": np.zeros(4, np.float32),
        "mean.weight": np.zeros((width, 4), np.float32),
        "mean.bias": np.zeros(width, np.float32),
        "log_std": np.zeros(width, np.float32),
    }
    whole = encode(arrays, {})
    odd = [{**arrays, name: np.full_like(array, np.nan)} for name, array in arrays.items()]
    odd += [{name: array for name, array in arrays.items() if name != left} for left in arrays]
    odd += [{**arrays, "mean.weight": np.zeros((width, 4), np.float64)}, {**arrays, "log_std": np.zeros(())}]
    header = b'{"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,4]}}'
    return [
        whole,
        whole[:100],
        *(encode(each, {}) for each in odd),
        len(header).to_bytes(8, "little") + header,
    ]


def _greetings() -> dict[str, bytes]:
    names: Any = {"simulator_id": "s-1", "incarnation": "life-1"}
    task: Any = task_spec_to_message(get_task(TASK).spec)
    collect = learner_pb2.CollectRequest(
        hello=learner_pb2.SimulatorHello(**names, task=task, num_environments=1)
    )
    offer = reward_pb2.OfferSegmentsRequest(hello=reward_pb2.OfferHello(**names, task=task))
    return {
        "Collect": collect.SerializeToString(),
        "CollectReference": learner_pb2.CollectReferenceRequest(request=collect).SerializeToString(),
        "OfferSegments": offer.SerializeToString(),
    }


def _trajectories() -> dict[str, Any]:
    """Return what rollouts and segments of the task hold, right or nearly."""
    spec = get_task(TASK).spec
    frame, num_environments = (1, *spec.frame_shape), 1
    arrays = {
        "Rollout.observations": np.zeros((4, *frame), np.float32),
        "Rollout.actions": np.zeros((4, 1, spec.action_dim), np.float32),
        "Rollout.log_probs": np.zeros((4, 1), np.float32),
        "Rollout.is_truncated": np.zeros((4, 1), np.bool_),
        "Rollout.is_still": np.zeros((4, 1), np.bool_),
        "Rollout.final_observations": np.zeros((0, *spec.frame_shape), np.float32),
        "Rollout.next_observations": np.zeros(frame, np.float32),
        "true_rewards": np.zeros((4, 1), np.float32),
        "Segment.observations": np.zeros((spec.segment_steps, *spec.frame_shape), np.float32),
        "Segment.actions": np.zeros((spec.segment_steps, spec.action_dim), np.float32),
        "ScoreRequest.observations": np.zeros((2, *spec.frame_shape), np.float32),
        "ScoreRequest.actions": np.zeros((2, spec.action_dim), np.float32),
    }
    return {
        **{name: chosen(_variants(array)) for name, array in arrays.items()},
        "SimulatorHello.task": st.just(task_spec_to_message(spec)),
        "OfferHello.task": st.just(task_spec_to_message(spec)),
        "num_environments": st.just(num_environments),
        "simulator_id": st.sampled_from(["s-1", "s-2"]),
        "incarnation": st.sampled_from(["life-1", "life-2"]),
        "policy_version": st.just(0),
        "sequence": st.sampled_from([0, 1, 2, 2**62, -1]),
    }


def _variants(array: Any) -> list[Any]:
    """Return an array as a tensor: right mostly, then with absurd numbers, and of shapes that lie."""
    right = tensor_from_array(array)
    absurd = (
        [np.full_like(array, value) for value in (np.nan, np.inf, 3e38, -200.0)]
        if array.dtype.kind == "f"
        else []
    )
    lies = []
    for shape in ([2**62], [2**62, 4], [-1], [0], [1] * 9, [2**32, 2**32], []):
        lie = type(right)()
        lie.CopyFrom(right)
        del lie.shape[:]
        lie.shape.extend(shape)
        lies.append(lie)
    return [right] * 12 + [tensor_from_array(each) for each in absurd] + lies


TARGETS: Mapping[str, Callable[[Path], contextlib.AbstractAsyncContextManager[Target]]] = {
    "labeler": _labeler,
    "learner": _learner,
    "reference-learner": _reference_learner,
    "reward": _reward,
    "simulator": _simulator,
}
"""By name: what serves it, with its files in a folder."""
