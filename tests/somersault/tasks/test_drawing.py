"""Gymnasium's MuJoCo environments draw themselves without a screen, by what doctor finds."""

from __future__ import annotations

import asyncio

import pytest

from somersault.runtime import probes
from somersault.runtime.config import environment
from somersault.tasks import GymnasiumEnvironment, get_task
from somersault.tasks.gymnasium import open_gymnasium


def test_a_mujoco_environment_draws_without_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """It aborted where Gymnasium looked for a screen, though there was a library that needs none."""
    for name in ("MUJOCO_GL", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.setenv(name, "")
    opened = open_gymnasium(GymnasiumEnvironment(environment_id="Hopper-v5"))
    opened.reset(seed=0)
    picture = opened.render()
    opened.close()
    assert picture.std() > 10, "it is no plain surface"
    assert environment("MUJOCO_GL") == asyncio.run(probes.find_opengl())[0]


def test_what_is_set_already_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever names a library gets it."""
    monkeypatch.setenv("MUJOCO_GL", "osmesa")
    probes.settle_opengl()
    assert environment("MUJOCO_GL") == "osmesa"


@pytest.mark.parametrize("name", ["CartPole-v1", "gymnasium.envs.classic_control:CartPole-v1"])
def test_ids_keep_their_module_and_namespace(name: str) -> None:
    """As Gymnasium takes them."""
    assert get_task(name).name == name
