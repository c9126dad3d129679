"""Writes a run's policy and reward model into a folder that can be used without somersault."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import safetensors.numpy

from somersault.api.reward_model import RewardModel, load_reward_model
from somersault.domain.arrays import FloatArray
from somersault.errors import ConfigError, FailedPreconditionError
from somersault.export import onnx_graphs
from somersault.export.card import model_card
from somersault.export.play import play_script
from somersault.formats.strict_json import dump_json
from somersault.runs import Run, StoredPolicy
from somersault.runtime.output_files import writing

__all__ = ["export"]

_TEXTS = {
    "policy.safetensors": "the policy's weights",
    "policy.py": "acts by them, with numpy alone",
    "policy.onnx": "the same as a graph, for any ONNX runtime",
    "play.py": "plays it in plain Gymnasium",
    "reward_model.safetensors": "the learned reward's weights",
    "reward_model.py": "scores by them, with numpy alone",
    "reward_model.onnx": "the same as a graph, for any ONNX runtime",
    "README.md": "this card",
}
_SHIPPED = "somersault.export.shipped"


def export(run: Run, out: Path, *, version: int | None = None) -> dict[str, Any]:
    """Write a run's policy, and its reward model if it has one, and return what ``--json`` prints.

    Args:
        run: it may be running.
        out: a folder that doesn't exist yet or is empty.
        version: of the policy; None for the newest.

    Raises:
        FailedPreconditionError: the folder isn't empty, or the run has no policy yet.
        ConfigError: the folder can't be written.
        SomersaultError: something of the run can't be read.
    """
    with writing(out):
        is_free = not out.exists() or (out.is_dir() and not any(out.iterdir()))
    if not is_free:
        raise FailedPreconditionError(f"--out {out} is not an empty folder; choose another")
    policy = run.policy(version)
    reward_model, no_reward = _reward_model_of(run)
    facts = _facts(run, policy)
    files, no_onnx = _files(run, policy, reward_model, facts)
    texts = {name: text for name, text in _TEXTS.items() if name in files or name == "README.md"}
    files["README.md"] = model_card(
        run,
        policy,
        files=texts,
        version=facts["somersault_version"],
        has_onnx="policy.onnx" in files,
        has_reward=reward_model is not None,
    ).encode()
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (out / name).write_bytes(data)
    return {
        "out": str(out),
        "run": str(run.path),
        "task": run.task.name,
        "policy_version": policy.version,
        "reward_version": reward_model.version if reward_model else None,
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        "left_out": [reason for reason in (no_reward, no_onnx) if reason],
    }


def _reward_model_of(run: Run) -> tuple[RewardModel | None, str | None]:
    try:
        return load_reward_model(run), None
    except FailedPreconditionError as error:
        return None, str(error)


def _facts(run: Run, policy: StoredPolicy) -> dict[str, str]:
    """Return the metadata of each file of weights."""
    return {
        "format": "somersault.export.1",
        "task": run.task.name,
        "run_id": run.settings.run_id,
        "policy_version": str(policy.version),
        "policy_sha256": policy.sha256,
        "somersault_version": importlib.metadata.version("somersault"),
    }


def _files(
    run: Run, policy: StoredPolicy, reward_model: RewardModel | None, facts: Mapping[str, str]
) -> tuple[dict[str, bytes], str | None]:
    """Return the files by name, and why there is no ONNX, if there is none."""
    files = {
        "policy.safetensors": _encode(policy.arrays, facts),
        "policy.py": _shipped("policy.py"),
        "play.py": play_script(run.task).encode(),
    }
    if reward_model is not None:
        files["reward_model.safetensors"] = _encode(reward_model.arrays, facts)
        files["reward_model.py"] = _shipped("reward_model.py")
    try:
        graph = onnx_graphs.policy_graph(policy.arrays, spec=run.task.spec, metadata=facts)
        files["policy.onnx"] = graph
        if reward_model is not None:
            graph = onnx_graphs.reward_graph(reward_model.arrays, spec=run.task.spec, metadata=facts)
            files["reward_model.onnx"] = graph
    except ConfigError as error:
        return files, f"no ONNX was written: {error}"
    return files, None


def _encode(arrays: Mapping[str, FloatArray], facts: Mapping[str, str]) -> bytes:
    # One entry: safetensors keeps no order among several, and the same export gives the same bytes.
    return safetensors.numpy.save(dict(arrays), metadata={"somersault": dump_json(facts)})


def _shipped(name: str) -> bytes:
    """Return a file that is copied unchanged."""
    return (resources.files(_SHIPPED) / name).read_bytes()
