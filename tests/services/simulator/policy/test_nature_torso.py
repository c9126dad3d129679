"""Features of pictures are what the formula says, whatever the layout of the frames."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from numpy.lib.stride_tricks import sliding_window_view

from services.simulator.policy.nature_torso import NatureTorso
from somersault.domain.task_spec import TaskSpec

ArraysFor = Callable[[TaskSpec], dict[str, np.ndarray]]


def _convolve(planes: np.ndarray, weight: np.ndarray, bias: np.ndarray, *, stride: int) -> np.ndarray:
    """Convolves ``[n, C, H, W]`` in float64 without padding, then takes the positive part."""
    kernel = weight.shape[-1]
    windows = sliding_window_view(planes, (kernel, kernel), axis=(2, 3))[:, :, ::stride, ::stride]
    return np.maximum(np.einsum("nchwij,kcij->nkhw", windows, weight) + bias[:, None, None], 0)


def _expected(arrays: dict[str, np.ndarray], observations: np.ndarray) -> np.ndarray:
    wide = {name: array.astype(np.float64) for name, array in arrays.items()}
    planes = observations / 255.0
    for layer, stride in enumerate((4, 2, 1)):
        planes = _convolve(planes, wide[f"conv_{layer}.weight"], wide[f"conv_{layer}.bias"], stride=stride)
    rows = planes.transpose(0, 2, 3, 1).reshape(len(planes), -1)
    return np.maximum(rows @ wide["dense.weight"].T + wide["dense.bias"], 0)


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-4), ("bfloat16", 0.05)])
def test_features_are_three_convolutions_and_a_dense_layer(
    specs: dict[str, TaskSpec], arrays_for: ArraysFor, precision: str, tolerance: float
) -> None:
    """Equals the formula written out in float64; bfloat16 keeps 8 bits, so about 1% of the largest feature."""
    spec = specs["pictures to choice"]
    arrays = arrays_for(spec)
    observations = np.random.default_rng(0).integers(256, size=(2, 3, 44, 36), dtype=np.uint8)
    expected = _expected(arrays, observations)
    assert expected.max() > 0.1
    actual = NatureTorso(arrays, spec=spec, precision=precision, num_threads=1).features(observations)
    np.testing.assert_allclose(actual, expected, atol=tolerance * expected.max())


def test_a_view_of_the_frames_gives_what_a_copy_gives(
    specs: dict[str, TaskSpec], arrays_for: ArraysFor
) -> None:
    """Stacks are views into frames ``[T + F - 1, N, H, W]``: no copy is asked of the caller."""
    spec = specs["pictures to choice"]
    torso = NatureTorso(arrays_for(spec), spec=spec, precision="float32", num_threads=1)
    frames = np.random.default_rng(0).integers(256, size=(7, 2, 44, 36), dtype=np.uint8)
    view = frames[2:5].swapaxes(0, 1)
    np.testing.assert_array_equal(torso.features(view), torso.features(np.ascontiguousarray(view)))


def _run_without_torch(path: Path, spec: TaskSpec) -> subprocess.CompletedProcess[str]:
    """Opens a policy in an interpreter where torch can't be imported."""
    source = f"""
import sys
sys.modules["torch"] = None
from pathlib import Path
from services.simulator.policy import Policy
from somersault.domain.task_spec import TaskSpec
Policy.from_bytes(Path({str(path)!r}).read_bytes(), spec={spec!r}).worker()
"""
    command = [sys.executable, "-c", source]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("name", ["vectors to motion", "vectors to choice"])
def test_policy_for_vectors_needs_no_torch(
    specs: dict[str, TaskSpec], arrays_for: ArraysFor, tmp_path: Path, name: str
) -> None:
    """A simulator of bodies holds no training framework."""
    safetensors.numpy.save_file(arrays_for(specs[name]), tmp_path / "policy")
    done = _run_without_torch(tmp_path / "policy", specs[name])
    assert done.returncode == 0, done.stderr


def test_missing_torch_is_named_with_what_installs_it(
    specs: dict[str, TaskSpec], arrays_for: ArraysFor, tmp_path: Path
) -> None:
    """A policy for pictures says which extra it wants."""
    spec = specs["pictures to choice"]
    safetensors.numpy.save_file(arrays_for(spec), tmp_path / "policy")
    done = _run_without_torch(tmp_path / "policy", spec)
    assert "ConfigError" in done.stderr
    assert "somersault[simulator-pictures]" in done.stderr
