"""Run folders with random weights, for kinds of tasks that take long to learn."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import safetensors.numpy

from somersault.domain.packing import with_numbers
from somersault.domain.task_spec import TaskSpec
from somersault.formats import checkpoint
from somersault.formats.checkpoint_series import CheckpointSeries
from somersault.reward_model import RewardEnsemble, RewardModelConfig
from somersault.runs import Run, load_run
from somersault.runtime.urls import file_url
from somersault.storage import open_store
from somersault.tasks import get_task

__all__ = ["make_run", "observations_and_actions", "policy_arrays"]

CONVOLUTIONS = ((32, 8, 4), (64, 4, 2), (64, 3, 1))


def make_run(folder: Path, task: str, *, num_segments: int = 2, **changes: object) -> Run:
    """Write the folder of a finished run of a task, with a policy, a reward model and segments."""
    folder.mkdir(parents=True)
    config = {
        "format": 1,
        "task": task,
        "run_id": folder.name,
        "seed": 0,
        "label_budget": 10,
        "total_env_steps": 1000,
        "teacher": "oracle",
        "is_reference": False,
        "storage_url": file_url(folder.parent),
        **changes,
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "summary.json").write_text(json.dumps({"env_steps": 1000, "labels": 10}))
    (folder / "progress.jsonl").write_text(json.dumps({"run/env_steps": 1000, "run/labels": 10}) + "\n")
    spec, store = get_task(task).spec, open_store(file_url(folder.parent))
    store.put(f"{folder.name}/policies/00000007.safetensors", safetensors.numpy.save(policy_arrays(spec)))
    ensemble = RewardEnsemble(RewardModelConfig.for_task(spec), seed=1)
    arrays = {f"ensemble.{name}": array.numpy() for name, array in ensemble.network.state_dict().items()}
    facts = {"reward_version": 3, "cursor": 10}
    kept = checkpoint.Checkpoint(arrays={**arrays, "seed": np.zeros(1, np.int64)}, facts=facts)
    CheckpointSeries(store, f"{folder.name}/checkpoints/reward/").save(kept, number=3)
    for number in range(num_segments):
        observations, actions = observations_and_actions(spec, 20, seed=number, are_frames=True)
        segment = safetensors.numpy.save({"observations": observations, "actions": actions})
        store.put(f"{folder.name}/segments/s-{number}.safetensors", segment)
    return load_run(folder)


def policy_arrays(spec: TaskSpec, *, width: int = 32) -> dict[str, np.ndarray]:
    """Random weights of a policy, by the names of docs/protocol.md."""
    rng = np.random.default_rng(0)
    shapes = _picture_shapes(spec, width) if spec.is_image else _vector_shapes(spec, width)
    head, size = "logits" if spec.is_discrete else "mean", spec.action_width
    shapes |= {f"{head}.weight": (size, width), f"{head}.bias": (size,)}
    if not spec.is_discrete:
        shapes["log_std"] = (spec.action_dim,)
    arrays = {name: rng.normal(0, 0.2, shape).astype(np.float32) for name, shape in shapes.items()}
    if spec.num_normalised:
        arrays["observation_std"] = rng.uniform(0.5, 2, shapes["observation_std"]).astype(np.float32)
    if spec.choice_sizes:
        arrays["choice_sizes"] = np.array(spec.choice_sizes, np.float32)
    return arrays


def observations_and_actions(
    spec: TaskSpec, num_steps: int, *, seed: int = 0, are_frames: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Random observations, or the frames they are made of, and actions within bounds."""
    rng = np.random.default_rng(seed)
    if spec.is_image:
        shape = (num_steps + spec.num_frames - 1,) if are_frames else (num_steps, spec.num_frames)
        observations = rng.integers(0, 256, (*shape, *spec.stored_shape)).astype(np.uint8)
        if spec.num_numbers:
            numbers = rng.normal(0, 2, (*shape, spec.num_numbers)).astype(np.float32)
            observations = with_numbers(observations, numbers)
    else:
        observations = rng.normal(0, 2, (num_steps, *spec.frame_shape)).astype(np.float32)
    if spec.is_discrete:
        choices = np.reshape(spec.choices, spec.action_shape)
        return observations, rng.integers(choices, size=(num_steps, *spec.action_shape)).astype(np.int32)
    return observations, rng.uniform(-1, 1, (num_steps, spec.action_dim)).astype(np.float32)


def _vector_shapes(spec: TaskSpec, width: int) -> dict[str, tuple[int, ...]]:
    (length,) = spec.frame_shape
    return {
        "observation_mean": (length,),
        "observation_std": (length,),
        "hidden_0.weight": (width, length),
        "hidden_0.bias": (width,),
        "hidden_1.weight": (width, width),
        "hidden_1.bias": (width,),
    }


def _picture_shapes(spec: TaskSpec, width: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    channels_in, (height, breadth) = spec.num_channels, spec.frame_shape
    if spec.num_numbers:
        shapes |= dict.fromkeys(("observation_mean", "observation_std"), (spec.num_numbers,))
    for index, (channels, kernel, stride) in enumerate(CONVOLUTIONS):
        shapes |= {
            f"conv_{index}.weight": (channels, channels_in, kernel, kernel),
            f"conv_{index}.bias": (channels,),
        }
        channels_in = channels
        height, breadth = (height - kernel) // stride + 1, (breadth - kernel) // stride + 1
    num_inputs = height * breadth * channels_in + spec.num_numbers
    return shapes | {"dense.weight": (width, num_inputs), "dense.bias": (width,)}
