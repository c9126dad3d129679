"""The part of `play.py` that sees pictures: of any Gymnasium space that a run can see, in plain numpy."""

from __future__ import annotations

from somersault.tasks import GymnasiumEnvironment, Task
from somersault.tasks.gymnasium import open_gymnasium
from somersault.tasks.gymnasium_spaces.observations import Leaf, leaves_of, picture_axes

__all__ = ["picture_script"]

_SCRIPT = """
def to_planes(seen):  # grey, each pixel the mean of the area that it covers
    picture = np.asarray(seen{path}, np.float32)
    return np.stack([shrink(shrink(plane, {width}).T, {height}).T for plane in {planes}])


def shrink(plane, num_columns):
    edges = np.linspace(0, plane.shape[1], num_columns + 1)
    whole = np.minimum(edges.astype(int), plane.shape[1] - 1)
    sums = np.concatenate([np.zeros((len(plane), 1)), np.cumsum(plane, axis=1, dtype=float)], axis=1)
    at_edges = sums[:, whole] + (edges - whole) * plane[:, whole]
    return np.diff(at_edges, axis=1) * (num_columns / plane.shape[1])


def observe(frames, seen):
    pictures = np.concatenate(frames)
    return {observed}


for episode in range(NUM_EPISODES):
    seen, _ = env.reset(seed=episode)
    frames = [to_frame(seen)] * {num_frames}
    paid = 0.0
    for step in range(EPISODE_STEPS):
        seen, reward, terminated, truncated, _ = env.step(to_action(policy.act(observe(frames, seen))))
        paid += float(reward)
        if terminated or truncated:
            break
        frames = [*frames[1:], to_frame(seen)]
    print(f"episode {{episode}}: {{step + 1}} steps, the environment itself paid {{paid:.1f}}, not what was taught")
"""
_TO_FRAME = """
def to_frame(seen):
    return np.rint(to_planes(seen){scale}).clip(0, 255).astype(np.uint8)

"""
_LUMA = "np.array((0.299, 0.587, 0.114), np.float32)"


def picture_script(task: Task) -> str:
    """Return what comes after the environment, the policy and ``to_action`` were made.

    Raises:
        SomersaultError: the environment, whose spaces are read, can't be made.
    """
    assert isinstance(task.environment, GymnasiumEnvironment)
    opened = open_gymnasium(task.environment)
    try:
        leaves = list(leaves_of(opened.observation_space))
    finally:
        opened.close()
    picture = next(leaf for leaf in leaves if picture_axes(leaf.space) is not None)
    numbers = [leaf for leaf in leaves if leaf is not picture]
    height, width = task.frame_shape
    is_share = picture.space.dtype.kind == "f" and (picture.space.high == 1).all()
    return _TO_FRAME.format(scale=" * 255" if is_share else "") + _SCRIPT.format(
        path=_index(picture),
        planes=_planes(picture, task),
        height=height,
        width=width,
        observed=_observed(numbers) if task.num_numbers else "pictures",
        num_frames=task.num_frames,
    )


def _index(leaf: Leaf) -> str:
    return "".join(f"[{key!r}]" for key in leaf.path)


def _planes(picture: Leaf, task: Task) -> str:
    """Return the expression for the planes ``[C, H, W]`` of a picture."""
    axes = picture_axes(picture.space)
    assert axes is not None
    if axes.colours is None:
        return "picture[None]"
    num_colours = picture.space.shape[axes.colours]
    if axes.stack is None and num_colours == task.num_planes:
        return f"np.moveaxis(picture, {axes.colours}, 0)"
    last = f"np.moveaxis(picture, {axes.colours}, -1)"
    grey = f"{last}[..., 0]" if num_colours == 1 else f"({last} @ {_LUMA})"
    return grey if axes.stack is not None else f"{grey}[None]"


def _observed(numbers: list[Leaf]) -> str:
    parts = (
        f"gymnasium.spaces.flatten(env.observation_space{_index(leaf)}, seen{_index(leaf)})"
        for leaf in numbers
    )
    return f'{{"pictures": pictures, "numbers": np.concatenate([{", ".join(parts)}])}}'
