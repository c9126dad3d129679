"""Games in the shape that they had on a television."""

from __future__ import annotations

import numpy as np

from services.simulator.clips.renderers.atari import AtariRenderer, stretch_to_screen
from somersault.tasks import get_task


def test_screen_is_four_by_three_and_whole_pixels_stay_as_they_are() -> None:
    """Doubled, a pixel is three and a half columns: the column between the first two is half of each."""
    screen = np.zeros((210, 160, 3), np.uint8)
    screen[10, 0], screen[10, 1] = (100, 0, 8), (200, 60, 9)
    frame = stretch_to_screen(screen, factor=2)
    assert frame.shape == (420, 560, 3)
    assert not frame[:20].any()
    assert not frame[22:].any()
    for row in (20, 21):
        assert frame[row, :8].tolist() == [[100, 0, 8]] * 3 + [[150, 30, 8]] + [[200, 60, 9]] * 3 + [
            [0, 0, 0]
        ]


def test_every_pixel_gets_its_share() -> None:
    """The mean over the stretched frame is that of the screen, but for rounding down."""
    screen = np.random.default_rng(0).integers(0, 256, (210, 160, 3)).astype(np.uint8)
    for factor in (1, 2, 3):
        assert 0 <= screen.mean() - stretch_to_screen(screen, factor=factor).mean() < 0.5


def test_a_new_game_within_a_clip_is_marked() -> None:
    """A dark frame around the last picture of the old game and the first five of the new one, and no other."""
    renderer = AtariRenderer(get_task("pong"))
    for begin, marked in ((14, range(3, 9)), (None, range(0)), (10, range(0))):
        games = [(0, 1, 3)] if begin is None else [(0, 1, 3), (begin, -1, 5)]
        footage = {"log": np.zeros(22, np.uint8), "games": np.array(games)}
        frames = list(renderer.render(footage, num_steps=12))
        is_marked = [all((frame[row] == (24, 27, 31)).all() for row in (0, -1)) for frame in frames]
        assert [step for step, is_end in enumerate(is_marked) if is_end] == list(marked)
    renderer.close()
