"""Draws a segment again from its physics states.

Drawing needs an OpenGL library that works without a screen. Which one is used is settled once a
process, since neither can be loaded beside the other: see `services.simulator.clips`.

Shapes: T steps of a segment, F frames, S physics state.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import mujoco
import numpy as np
from numpy.typing import NDArray

from services.simulator.scenery import draw_spot, load_scene
from somersault.errors import UnavailableError
from somersault.tasks import Task
from somersault.types import DoubleArray, FloatArray

__all__ = ["BACKENDS", "SegmentRenderer", "draw_reward_bar"]

BACKENDS = ("egl", "osmesa")
"""OpenGL libraries without a screen, the preferred one first."""

_STATE_SPEC = mujoco.mjtState.mjSTATE_FULLPHYSICS.value
_MAX_SHAPES = 200

Frame = NDArray[np.uint8]
"""``[size, size, 3]`` uint8."""


class SegmentRenderer:
    """Draws segments of one task; used from one thread only, since its OpenGL context is bound to it."""

    def __init__(self, task: Task, *, backend: str) -> None:
        """Opens an OpenGL context.

        Args:
            task: Whose segments are drawn.
            backend: One of `BACKENDS`.

        Raises:
            UnavailableError: The library is missing or gives no context.
        """
        self._task = task
        size = task.clip_size_px
        self._model = load_scene(task)
        self._data = mujoco.MjData(self._model)
        self._context = _open_context(backend, size)
        self._context.make_current()
        self._resources = mujoco.MjrContext(self._model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._resources)
        self._scene = mujoco.MjvScene(self._model, maxgeom=_MAX_SHAPES)
        for flag in (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION):
            self._scene.flags[flag] = False
        self._options = mujoco.MjvOption()
        self._camera = _aim(task)
        self._view = mujoco.MjrRect(0, 0, size, size)

    def draw(self, states: DoubleArray, *, predicted_rewards: FloatArray | None = None) -> Iterator[Frame]:
        """Draws each ``clip_step``-th state, beginning with the first.

        Args:
            states: ``[T + 1, S]`` float64.
            predicted_rewards: ``[T]`` float32, drawn as a bar beside the agent; None for no bar.
        """
        scale = 1.0
        if predicted_rewards is not None:
            scale = max(float(np.abs(predicted_rewards).max()), 1e-6)
        for step in range(0, len(states) - 1, self._task.clip_step):
            frame = self._draw_state(states[step])
            if predicted_rewards is not None:
                draw_reward_bar(frame, float(predicted_rewards[step]) / scale)
            yield frame

    def close(self) -> None:
        """Gives the OpenGL context back."""
        self._resources.free()
        self._context.free()

    def _draw_state(self, state: DoubleArray) -> Frame:
        """Draws one physics state."""
        mujoco.mj_setState(self._model, self._data, state, _STATE_SPEC)
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_comPos(self._model, self._data)
        mujoco.mj_camlight(self._model, self._data)
        x_m = float(self._data.body(self._task.camera.body).subtree_com[0])
        self._camera.lookat[0] = x_m
        mujoco.mjv_updateScene(
            self._model,
            self._data,
            self._options,
            None,
            self._camera,
            mujoco.mjtCatBit.mjCAT_ALL.value,
            self._scene,
        )
        draw_spot(self._scene, x_m=x_m)
        mujoco.mjr_render(self._view, self._scene, self._resources)
        frame = np.empty((self._view.height, self._view.width, 3), np.uint8)
        mujoco.mjr_readPixels(frame, None, self._view, self._resources)
        return np.ascontiguousarray(frame[::-1])


def draw_reward_bar(frame: Frame, level: float) -> None:
    """Draws a bar at the right edge: green upwards from the middle, red downwards.

    Args:
        frame: ``[size, size, 3]`` uint8, drawn upon.
        level: -1 to 1, how far the bar reaches.
    """
    size = len(frame)
    width, margin = size // 20, size // 32
    middle, reach = size // 2, size // 2 - margin
    columns = slice(size - margin - width, size - margin)
    frame[margin : size - margin, columns] = frame[margin : size - margin, columns] // 2 + 100
    end = middle - round(np.clip(level, -1.0, 1.0) * reach)
    colour = (46, 160, 67) if level > 0 else (207, 68, 58)
    frame[min(middle, end) : max(middle, end), columns] = colour
    frame[middle - 1 : middle + 1, columns] = 40


def _aim(task: Task) -> mujoco.MjvCamera:
    """Gives a free camera where the task wants it."""
    camera = mujoco.MjvCamera()
    camera.type = mujoco.mjtCamera.mjCAMERA_FREE
    camera.distance = task.camera.distance_m
    camera.azimuth = task.camera.azimuth_deg
    camera.elevation = task.camera.elevation_deg
    camera.lookat[:] = (0.0, 0.0, task.camera.height_m)
    return camera


class _Context:
    """Names what both libraries' contexts can do."""

    def make_current(self) -> None: ...

    def free(self) -> None: ...


def _open_context(backend: str, size: int) -> _Context:
    """Opens a context of one library.

    Raises:
        UnavailableError: See `SegmentRenderer`.
    """
    try:
        module = importlib.import_module(f"mujoco.{backend}")
        context: _Context = module.GLContext(size, size)
    except Exception as err:
        # The libraries' bindings fail in every way there is: ImportError, AttributeError, their own.
        raise UnavailableError(f"OpenGL by {backend} is not to be had: {err}") from err
    return context
