"""Renders a segment from its physics states.

Shapes: T steps of a segment, S physics state.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from services.simulator.clips.renderers.mujoco.floor_marks import add_posts, add_shadows
from services.simulator.clips.renderers.mujoco.looks import look_of
from services.simulator.clips.renderers.mujoco.opengl import open_context
from services.simulator.clips.renderers.mujoco.scenery import load_scene
from services.simulator.clips.renderers.renderer import Frame
from services.simulator.clips.renderers.reward_bar import RewardBar
from services.simulator.environments.mujoco.model import STATE_SPEC, mujoco_environment_of
from somersault.domain.arrays import DoubleArray, FloatArray
from somersault.tasks import Camera, Task

__all__ = ["MujocoRenderer"]

_MAX_SHAPES = 400
_INSET_SHARE = 0.35  # of the clip's width: big enough to tell legs apart, small enough to hide only floor
_INSET_RGB = (70, 78, 88)


class MujocoRenderer:
    """Renders segments of one task; used from one thread only, to which its OpenGL context is bound."""

    def __init__(self, task: Task, *, backend: str, size_px: int) -> None:
        """Open an OpenGL context.

        Args:
            task: Whose segments are rendered.
            backend: One of `services.simulator.clips.renderers.OPENGL_BACKENDS`.
            size_px: Width and height of the frames.

        Raises:
            UnavailableError: The library is missing or gives no context.
        """
        environment = mujoco_environment_of(task)
        self._clip_step = task.clip_step
        self._look = look_of(environment.model_file)
        self._model = load_scene(task, size_px=size_px)
        self._data = mujoco.MjData(self._model)
        self._context = open_context(backend, size_px)
        self._context.make_current()
        self._resources = mujoco.MjrContext(self._model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._resources)
        self._scene = mujoco.MjvScene(self._model, maxgeom=_MAX_SHAPES)
        for flag in (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION):
            self._scene.flags[flag] = False
        self._options = mujoco.MjvOption()
        self._view = _View(environment.camera, size_px=size_px)
        inset = environment.second_camera
        self._inset = _View(inset, size_px=round(size_px * _INSET_SHARE)) if inset else None

    def render(
        self,
        footage: Mapping[str, NDArray[Any]],
        *,
        num_steps: int,
        num_still_steps: int = 0,
        predicted_rewards: FloatArray | None = None,
    ) -> Iterator[Frame]:
        """Yield a frame of every ``clip_step``-th of the ``states`` ``[T + 1, S]`` float64, from the first on."""
        del num_still_steps  # a body's episode never ends early
        self._context.make_current()  # another renderer of this thread may have bound its own
        states = footage["states"]
        bar = None if predicted_rewards is None else RewardBar(predicted_rewards)
        for step in range(0, num_steps, self._clip_step):
            frame = self._render_state(states[step])
            yield frame if bar is None else bar.put_on(frame, step=step)

    def close(self) -> None:
        """Release the OpenGL context."""
        self._resources.free()
        self._context.free()

    def _render_state(self, state: DoubleArray) -> Frame:
        """Render one physics state, from both cameras if there are two."""
        mujoco.mj_setState(self._model, self._data, state, STATE_SPEC)
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_comPos(self._model, self._data)
        mujoco.mj_camlight(self._model, self._data)
        frame = self._render_view(self._view)
        if self._inset is not None:
            _set_in(frame, self._render_view(self._inset))
        return frame

    def _render_view(self, view: _View) -> Frame:
        """Render the current state from one camera."""
        view.follow(self._data)
        mujoco.mjv_updateScene(
            self._model,
            self._data,
            self._options,
            None,
            view.camera,
            mujoco.mjtCatBit.mjCAT_ALL.value,
            self._scene,
        )
        if self._look.has_shadow and view is self._view:
            add_shadows(self._scene, floor_m=self._look.floor_height_m)
        if self._look.has_posts:
            add_posts(self._scene, x_m=float(view.camera.lookat[0]))
        mujoco.mjr_render(view.area, self._scene, self._resources)
        frame = np.empty((view.area.height, view.area.width, 3), np.uint8)
        mujoco.mjr_readPixels(frame, None, view.area, self._resources)
        return np.ascontiguousarray(frame[::-1])


class _View:
    """A free camera, aimed as the task says."""

    def __init__(self, aim: Camera, *, size_px: int) -> None:
        self._aim = aim
        self.area = mujoco.MjrRect(0, 0, size_px, size_px)
        self.camera = mujoco.MjvCamera()
        self.camera.type = mujoco.mjtCamera.mjCAMERA_FREE
        self.camera.distance = aim.distance_m
        self.camera.azimuth = aim.azimuth_deg
        self.camera.elevation = aim.elevation_deg
        self.camera.lookat[:] = (0.0, 0.0, aim.height_m)

    def follow(self, data: mujoco.MjData) -> None:
        """Move the point looked at to where the body is, along the axes that are followed."""
        num_axes = len(self._aim.follows)
        self.camera.lookat[:num_axes] = data.body(self._aim.body).subtree_com[:num_axes]


def _set_in(frame: Frame, inset: Frame) -> None:
    """Set a smaller frame into the lower left corner, where bodies seldom are, with an edge around it."""
    size, edge = len(inset), 2
    frame[-size - edge :, : size + edge] = _INSET_RGB
    frame[-size:, :size] = inset
