"""Shapes added to the scene of each frame that show distance, speed and height.

Real shadows take four fifths of the time of a frame. A flat ellipse below each limb, darker the nearer the
limb is to the floor, shows the same and costs nothing.
"""

from __future__ import annotations

import math

import mujoco
import numpy as np

from somersault.domain.arrays import DoubleArray, FloatArray

__all__ = ["add_posts", "add_shadows"]

_POST_GAP_M, _POST_BACK_M, _NUM_POSTS_EACH_WAY = 2.0, 1.5, 8
_POSTS_A_MARK = 5  # a red post every ten metres
_POST_RGBA = np.array((0.45, 0.52, 0.58, 1.0), np.float32)
_MARK_RGBA = np.array((0.78, 0.24, 0.20, 1.0), np.float32)
_POST_SIZE = np.array((0.03, 0.03, 0.5))
_SHADOW_RGB, _SHADOW_ALPHA = (0.12, 0.15, 0.19), 0.6
_FADING_M = 0.5  # height at which a shadow is half as dark

_UPRIGHT = np.eye(3).ravel()
_LONG_TYPES = (mujoco.mjtGeom.mjGEOM_CAPSULE.value, mujoco.mjtGeom.mjGEOM_CYLINDER.value)


def add_posts(scene: mujoco.MjvScene, *, x_m: float) -> None:
    """Add a post every two metres behind the track, as far as can be seen from ``x_m``."""
    middle = round(x_m / _POST_GAP_M)
    for index in range(middle - _NUM_POSTS_EACH_WAY, middle + _NUM_POSTS_EACH_WAY + 1):
        position = np.array((index * _POST_GAP_M, _POST_BACK_M, _POST_SIZE[2]))
        rgba = _MARK_RGBA if index % _POSTS_A_MARK == 0 else _POST_RGBA
        _add(scene, mujoco.mjtGeom.mjGEOM_BOX, size=_POST_SIZE, position=position, turn=_UPRIGHT, rgba=rgba)


def add_shadows(scene: mujoco.MjvScene, *, floor_m: float) -> None:
    """Add a flat dark ellipse on the floor below each moving shape of the scene."""
    moving = [geom for geom in scene.geoms[: scene.ngeom] if geom.category == mujoco.mjtCatBit.mjCAT_DYNAMIC]
    for number, geom in enumerate(moving):
        half_length, half_width, yaw = _outline(geom)
        position = np.array((geom.pos[0], geom.pos[1], floor_m + 0.002 + 1e-4 * number))
        alpha = _SHADOW_ALPHA / (1 + max(0.0, float(geom.pos[2]) - floor_m) / _FADING_M)
        rgba = np.array((*_SHADOW_RGB, alpha), np.float32)
        size = np.array((half_length, half_width, 5e-4))
        turn = np.array((math.cos(yaw), -math.sin(yaw), 0, math.sin(yaw), math.cos(yaw), 0, 0, 0, 1))
        _add(scene, mujoco.mjtGeom.mjGEOM_ELLIPSOID, size=size, position=position, turn=turn, rgba=rgba)


def _outline(geom: mujoco.MjvGeom) -> tuple[float, float, float]:
    """Return half the length and width, and the direction in radians, of a shape seen from above."""
    if geom.type not in _LONG_TYPES:
        radius = float(max(geom.size[:2]))
        return radius, radius, 0.0
    radius, half = float(geom.size[0]), float(geom.size[2])
    x, y = geom.mat[0, 2], geom.mat[1, 2]
    return radius + half * math.hypot(x, y), radius, math.atan2(y, x)


def _add(
    scene: mujoco.MjvScene,
    kind: mujoco.mjtGeom,
    *,
    size: DoubleArray,
    position: DoubleArray,
    turn: DoubleArray,
    rgba: FloatArray,
) -> None:
    """Add a shape, unless the scene is full."""
    if scene.ngeom >= scene.maxgeom:
        return
    mujoco.mjv_initGeom(scene.geoms[scene.ngeom], kind, size, position, turn, rgba)
    scene.ngeom += 1
