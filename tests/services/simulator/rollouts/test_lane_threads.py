"""Works that are shared among threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from services.simulator.rollouts.lane_threads import run_lanes


def _work(name: str, num_steps: int, done: list[tuple[str, int]], *, step_s: float = 0.0) -> Iterator[None]:
    for step in range(num_steps):
        time.sleep(step_s)
        done.append((name, step))
        yield


@pytest.mark.parametrize("num_threads", [1, 2, 3, 8])
def test_each_work_makes_all_its_steps_in_order(num_threads: int) -> None:
    """Whatever the number of threads, and whichever makes which step."""
    done: list[tuple[str, int]] = []
    works = [_work(name, num_steps, done) for name, num_steps in (("a", 5), ("b", 1), ("c", 0), ("d", 7))]

    run_lanes(works, num_threads=num_threads)

    for name, num_steps in (("a", 5), ("b", 1), ("c", 0), ("d", 7)):
        assert [step for of, step in done if of == name] == list(range(num_steps))


@pytest.mark.alone
def test_a_slow_work_is_not_left_to_one_thread_until_the_end() -> None:
    """Three works of which one is four times as slow take two threads half of all their time, give or take a step."""
    done: list[tuple[str, int]] = []
    works = [_work("slow", 10, done, step_s=0.12), *(_work(name, 10, done, step_s=0.03) for name in "ab")]
    started = time.monotonic()

    run_lanes(works, num_threads=2)

    # 1.2 + 0.3 + 0.3 of work. One thread with the slow one alone takes 1.2; whoever had taken "a", "b" first, 1.5 or more.
    assert time.monotonic() - started < 1.44


def test_no_work_is_run_by_two_threads_at_once() -> None:
    """A lane holds buffers."""
    held = [threading.Lock() for _ in range(3)]

    def exclusive(lock: threading.Lock) -> Iterator[None]:
        for _ in range(200):
            assert lock.acquire(blocking=False)
            time.sleep(0)
            lock.release()
            yield

    run_lanes([exclusive(lock) for lock in held], num_threads=4)


def test_what_one_raises_ends_all() -> None:
    """Nobody steps on while what they gather can't be used."""
    done: list[tuple[str, int]] = []

    def failing() -> Iterator[None]:
        yield
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_lanes([_work("long", 10_000, done, step_s=0.001), failing(), failing()], num_threads=2)
    assert len(done) < 1_000
