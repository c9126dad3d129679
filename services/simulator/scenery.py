"""Gives a task's model the look that clips have: what people need to judge movement, cheap to draw.

Shadows and reflections are off: software rendering is five times as fast without them. What they
tell the eye is told otherwise: a chequered floor and posts show how far the body travels, a dark
spot beneath it how high it is, and a head with a nose which way it is turned.
"""

from __future__ import annotations

from importlib import resources

import mujoco
import numpy as np

from somersault.tasks import Task

__all__ = ["draw_spot", "load_scene"]

_FLOOR_RGB = (0.80, 0.84, 0.86), (0.62, 0.68, 0.72)
_SKY_RGB = (0.93, 0.95, 0.97), (0.74, 0.82, 0.90)
_BODY_RGBA = {
    "torso_geom": (0.91, 0.45, 0.16, 1.0),
    "thigh_geom": (0.20, 0.42, 0.66, 1.0),
    "leg_geom": (0.32, 0.58, 0.80, 1.0),
    "foot_geom": (0.13, 0.24, 0.38, 1.0),
}
_HEAD_RGBA = (0.99, 0.78, 0.35, 1.0)
_NOSE_RGBA = (0.75, 0.15, 0.12, 1.0)
_POST_RGBA = (0.45, 0.52, 0.58, 1.0)
_SPOT_RGBA = np.array((0.15, 0.18, 0.22, 0.55), np.float32)

_POST_GAP_M, _NUM_POSTS_EACH_WAY = 2.0, 20


def load_scene(task: Task) -> mujoco.MjModel:
    """Loads the task's model with the scenery; its physics states are those of the bare model."""
    assets = resources.files("gymnasium.envs.mujoco") / "assets"
    with resources.as_file(assets / task.model_file) as path:
        spec = mujoco.MjSpec.from_file(str(path))
    _paint(spec)
    _plant_posts(spec)
    _add_head(spec.body(task.camera.body))
    spec.visual.global_.fovy = task.camera.field_of_view_deg
    spec.visual.global_.offwidth = spec.visual.global_.offheight = task.clip_size_px
    # Smoothing edges takes 60% of the time of a frame; at this size H.264 blurs what it gains.
    spec.visual.quality.offsamples = 0
    spec.visual.headlight.ambient = [0.45] * 3
    spec.visual.headlight.diffuse = [0.35] * 3
    spec.visual.headlight.specular = [0.0] * 3
    return spec.compile()


def draw_spot(scene: mujoco.MjvScene, *, x_m: float) -> None:
    """Adds a dark spot on the floor below the body, which shrinks from it as it jumps."""
    geom = scene.geoms[scene.ngeom]
    position, size = np.array([x_m, 0.0, 0.002]), np.array([0.28, 0.14, 0.001])
    mujoco.mjv_initGeom(geom, mujoco.mjtGeom.mjGEOM_ELLIPSOID, size, position, np.eye(3).ravel(), _SPOT_RGBA)
    scene.ngeom += 1


def _paint(spec: mujoco.MjSpec) -> None:
    """Gives floor, sky and body colours that stand apart from each other."""
    sky, floor = (
        next(texture for texture in spec.textures if texture.type == kind)
        for kind in (mujoco.mjtTexture.mjTEXTURE_SKYBOX, mujoco.mjtTexture.mjTEXTURE_2D)
    )
    sky.rgb1, sky.rgb2 = _SKY_RGB
    floor.rgb1, floor.rgb2 = _FLOOR_RGB
    material = spec.material("MatPlane")
    material.reflectance = 0.0
    material.specular = 0.0
    material.texrepeat = [20, 20]
    for name, rgba in _BODY_RGBA.items():
        geom = spec.geom(name)
        geom.material = ""
        geom.rgba = rgba
    spec.geom("floor").rgba = (1.0, 1.0, 1.0, 1.0)


def _plant_posts(spec: mujoco.MjSpec) -> None:
    """Plants a post every two metres behind the track."""
    for index in range(-_NUM_POSTS_EACH_WAY, _NUM_POSTS_EACH_WAY + 1):
        _add_shape(
            spec.worldbody,
            mujoco.mjtGeom.mjGEOM_BOX,
            size=(0.03, 0.03, 0.5),
            position=(index * _POST_GAP_M, 1.5, 0.5),
            rgba=_POST_RGBA,
        )


def _add_head(torso: mujoco.MjsBody) -> None:
    """Puts a head on the torso, with a nose that points forwards."""
    top, sphere = 0.2, mujoco.mjtGeom.mjGEOM_SPHERE
    _add_shape(torso, sphere, size=(0.085, 0, 0), position=(0, 0, top), rgba=_HEAD_RGBA)
    _add_shape(torso, sphere, size=(0.045, 0, 0), position=(0.095, 0, top), rgba=_NOSE_RGBA)


def _add_shape(
    body: mujoco.MjsBody,
    kind: mujoco.mjtGeom,
    *,
    size: tuple[float, float, float],
    position: tuple[float, float, float],
    rgba: tuple[float, float, float, float],
) -> None:
    """Adds a shape that has no mass and touches nothing."""
    body.add_geom(
        type=kind,
        size=size,
        pos=position,
        rgba=rgba,
        material="",
        contype=0,
        conaffinity=0,
        mass=0.0,
    )
