"""Gives a task's model the look of clips: what people need to judge movement, cheap to render.

Shadows and reflections are off: software rendering is five times as fast without them. Other things tell the
eye what they would: a chequered floor and posts show how far the body travels, dark spots beneath it how high
it is, and a head with a nose which way it faces.
"""

from __future__ import annotations

import mujoco

from services.simulator.clips.renderers.mujoco.looks import LIMBS, Head, Look, Rgb, look_of
from services.simulator.environments.mujoco.model import load_spec, mujoco_environment_of
from somersault.tasks import Task

__all__ = ["load_scene"]

_FLOOR_RGB = (0.80, 0.84, 0.86), (0.62, 0.68, 0.72)
_SKY_RGB = (0.93, 0.95, 0.97), (0.74, 0.82, 0.90)
_HEAD_RGB, _NOSE_RGB = (0.99, 0.78, 0.35), (0.75, 0.15, 0.12)
_FLOOR = "somersault_floor"


def load_scene(task: Task, *, size_px: int) -> mujoco.MjModel:
    """Load the task's model with the scenery, for square frames; its physics states are those of the bare model."""
    environment = mujoco_environment_of(task)
    spec = load_spec(task)
    # A total mass set in a model scales all masses alike, which changes no picture; MuJoCo warns that it is deprecated.
    spec.compiler.settotalmass = -1
    look = look_of(environment.model_file)
    _paint_sky(spec)
    _lay_floor(spec, look)
    for body in spec.bodies[1:]:
        _paint_body(body, look)
    for geom in spec.worldbody.geoms:
        if geom.name in look.colours:
            _paint(geom, look.colours[geom.name])
    for head in look.heads:
        _add_head(spec.body(head.body), head)
    _light(spec, size_px=size_px, field_of_view_deg=environment.camera.field_of_view_deg)
    return spec.compile()


def _light(spec: mujoco.MjSpec, *, size_px: int, field_of_view_deg: float) -> None:
    """Set the camera's field of view, the light and the quality."""
    spec.visual.global_.fovy = field_of_view_deg
    spec.visual.global_.offwidth = spec.visual.global_.offheight = size_px
    # Smoothing edges takes 60% of a frame's time; at this size H.264 blurs what it gains.
    spec.visual.quality.offsamples = 0
    # Takes a third of the default's time and looks as round.
    spec.visual.quality.numslices, spec.visual.quality.numstacks = 16, 8
    spec.visual.quality.numquads = 1
    spec.visual.headlight.ambient = [0.45] * 3
    spec.visual.headlight.diffuse = [0.35] * 3
    spec.visual.headlight.specular = [0.0] * 3
    if not spec.lights:
        spec.worldbody.add_light(pos=(0, 0, 3), dir=(0, 0, -1), type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL)


def _paint_sky(spec: mujoco.MjSpec) -> None:
    """Colour the sky; a model without one gets one."""
    skies = [each for each in spec.textures if each.type == mujoco.mjtTexture.mjTEXTURE_SKYBOX]
    sky = skies[0] if skies else spec.add_texture(name="somersault_sky", width=64, height=64)
    sky.type = mujoco.mjtTexture.mjTEXTURE_SKYBOX
    sky.builtin = mujoco.mjtBuiltin.mjBUILTIN_GRADIENT
    sky.rgb1, sky.rgb2 = _SKY_RGB


def _lay_floor(spec: mujoco.MjSpec, look: Look) -> None:
    """Chequer the floor and make it endless: bodies run farther than models reach."""
    texture = spec.add_texture(name=_FLOOR, width=64, height=64)
    texture.type = mujoco.mjtTexture.mjTEXTURE_2D
    texture.builtin = mujoco.mjtBuiltin.mjBUILTIN_CHECKER
    texture.rgb1, texture.rgb2 = _FLOOR_RGB
    material = spec.add_material(name=_FLOOR, texuniform=True, specular=0.0, reflectance=0.0)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = _FLOOR
    material.texrepeat = [1 / (2 * look.square_m)] * 2
    for geom in spec.worldbody.geoms:
        if geom.type == mujoco.mjtGeom.mjGEOM_PLANE:
            geom.material = _FLOOR
            geom.rgba = (1.0, 1.0, 1.0, 1.0)
            geom.size = (0.0, 0.0, 0.1)


def _paint_body(body: mujoco.MjsBody, look: Look) -> None:
    """Colour the shapes of a body by the look, or by its depth in the tree."""
    for geom in body.geoms:
        fallback = LIMBS[_depth_of(body) % len(LIMBS)]
        _paint(geom, look.colours.get(geom.name) or look.colours.get(body.name) or fallback)
        if geom.name in look.sizes:
            geom.size = look.sizes[geom.name]


def _depth_of(body: mujoco.MjsBody) -> int:
    """Return how many bodies are between a body and the world."""
    depth, parent = 0, body.parent
    while parent is not None and parent.name != "world":
        depth, parent = depth + 1, parent.parent
    return depth


def _paint(geom: mujoco.MjsGeom, rgb: Rgb) -> None:
    """Give a shape one plain colour."""
    geom.material = ""
    geom.rgba = (*rgb, 1.0)


def _add_head(body: mujoco.MjsBody, head: Head) -> None:
    """Put a head on a body, with a nose that points forwards."""
    nose = tuple(middle + off for middle, off in zip(head.position, head.nose, strict=True))
    for position, radius_m, rgb in (
        (head.position, head.radius_m, _HEAD_RGB),
        (nose, head.radius_m * 0.53, _NOSE_RGB),
    ):
        body.add_geom(
            type=mujoco.mjtGeom.mjGEOM_SPHERE,
            size=(radius_m, 0, 0),
            pos=position,
            rgba=(*rgb, 1.0),
            material="",
            contype=0,
            conaffinity=0,
            mass=0.0,
        )
