"""How each MuJoCo model looks in clips: colours that tell limbs apart, a head that shows which way it faces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["Head", "Look", "Rgb", "look_of"]

Rgb = tuple[float, float, float]

_ORANGE, _YELLOW, _RED = (0.91, 0.45, 0.16), (0.99, 0.78, 0.35), (0.80, 0.16, 0.13)
_BLUE, _SKY_BLUE, _NAVY = (0.20, 0.42, 0.66), (0.32, 0.58, 0.80), (0.13, 0.24, 0.38)
_PURPLE, _LILAC, _PLUM = (0.55, 0.25, 0.55), (0.72, 0.46, 0.70), (0.35, 0.13, 0.36)
_GREY, _DARK = (0.55, 0.60, 0.65), (0.25, 0.29, 0.33)

LIMBS: Sequence[Rgb] = (_ORANGE, _BLUE, _SKY_BLUE, _NAVY)
"""Colours by depth in the tree of bodies, for shapes that a look doesn't name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A head on a body, with a nose that points forwards; it has no mass and collides with nothing."""

    body: str
    position: tuple[float, float, float]
    radius_m: float = 0.085
    nose: tuple[float, float, float] = (0.095, 0.0, 0.0)
    """From the middle of the head to the nose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a model is painted and what stands around it."""

    colours: Mapping[str, Rgb] = field(default_factory=dict)
    """By the name of a shape, or of a body for all its shapes."""
    sizes: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    """Half-sizes of shapes that are shown larger than they are, by name."""
    heads: Sequence[Head] = ()
    floor_height_m: float = 0.0
    """Height of the floor, on which shadows lie."""
    square_m: float = 1.0
    """Side of the squares of the floor."""
    has_posts: bool = True
    """Whether posts stand behind the track, every two metres."""
    has_shadow: bool = True


_LEG = {"thigh_geom": _BLUE, "leg_geom": _SKY_BLUE, "foot_geom": _NAVY}
_LEFT_LEG = {"thigh_left_geom": _PURPLE, "leg_left_geom": _LILAC, "foot_left_geom": _PLUM}
# The ant's model calls its legs front and back along y, but is rewarded for going along x.
_FRONT_LEGS = {
    name: rgb
    for names in (
        ("aux_1_geom", "left_leg_geom", "left_ankle_geom"),
        ("aux_4_geom", "rightback_leg_geom", "fourth_ankle_geom"),
    )
    for name, rgb in zip(names, (_PURPLE, _LILAC, _PLUM), strict=True)
}
_UPRIGHT = Head(body="torso", position=(0.0, 0.0, 0.2))
_POLE = {"rail": _GREY, "cart": _ORANGE, "cpole": _BLUE, "cpole2": _PURPLE}

_LOOKS = {
    "hopper.xml": Look(colours={"torso_geom": _ORANGE, **_LEG}, heads=[_UPRIGHT]),
    "walker2d": Look(colours={"torso_geom": _ORANGE, **_LEG, **_LEFT_LEG}, heads=[_UPRIGHT]),
    "half_cheetah.xml": Look(
        colours={"torso": _ORANGE, "head": _YELLOW}
        | {"bthigh": _BLUE, "bshin": _SKY_BLUE, "bfoot": _NAVY}
        | {"fthigh": _PURPLE, "fshin": _LILAC, "ffoot": _PLUM},
        heads=[Head(body="torso", position=(0.68, 0.0, 0.16), radius_m=0.075, nose=(0.085, 0.0, -0.02))],
    ),
    "ant.xml": Look(
        colours={"torso_geom": _ORANGE} | _FRONT_LEGS,
        heads=[Head(body="torso", position=(0.24, 0.0, 0.06), radius_m=0.13, nose=(0.13, 0.0, 0.03))],
        has_posts=False,
    ),
    "swimmer.xml": Look(
        colours={"torso": _ORANGE, "mid": _BLUE, "back": _SKY_BLUE},
        heads=[Head(body="torso", position=(1.5, 0.0, 0.06), radius_m=0.15, nose=(0.14, 0.0, 0.02))],
        has_posts=False,
        has_shadow=False,
    ),
    "reacher.xml": Look(
        colours={"link0": _BLUE, "link1": _SKY_BLUE, "fingertip": _NAVY, "target": _RED, "root": _DARK}
        | {f"side{side}": _GREY for side in "SENW"},
        sizes={"target": (0.018, 0.018, 0.018), "fingertip": (0.014, 0.014, 0.014)},
        square_m=0.1,
        has_posts=False,
        has_shadow=False,
    ),
    "inverted_pendulum.xml": Look(colours=_POLE, has_posts=False, has_shadow=False),
    "inverted_double_pendulum.xml": Look(colours=_POLE, has_posts=False, has_shadow=False),
}


def look_of(model_file: str) -> Look:
    """Return the look of a model; an unknown one is coloured by depth."""
    return next((look for name, look in _LOOKS.items() if model_file.startswith(name)), Look())
