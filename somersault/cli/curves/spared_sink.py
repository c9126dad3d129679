"""Keeps curves that are drawn for people from ending a run: the run's own rows are in progress.jsonl."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from somersault.cli.curves.sink import CurvePoint, CurveSink

__all__ = ["SparedSink"]


class SparedSink:
    """Passes everything on until the system refuses once; that is said, and the sink then left alone."""

    def __init__(self, sink: CurveSink, *, name: str, say: Callable[[str], None]) -> None:
        """Take the sink, what a person calls it, and who is told."""
        self._sink = sink
        self._name = name
        self._say = say
        self._is_lost = False

    def write(self, point: CurvePoint) -> None:
        """Pass a point on."""
        self._attempt(lambda: self._sink.write(point))

    def rewind(self, env_steps: int) -> None:
        """Pass on that later points are forgotten."""
        self._attempt(lambda: self._sink.rewind(env_steps))

    def add_video(self, name: str, clip: bytes, *, env_steps: int) -> None:
        """Pass a clip on."""
        self._attempt(lambda: self._sink.add_video(name, clip, env_steps=env_steps))

    def finish(self, results: Mapping[str, float], *, env_steps: int) -> None:
        """Pass the results on."""
        self._attempt(lambda: self._sink.finish(results, env_steps=env_steps))

    def close(self) -> None:
        """Close the sink."""
        self._attempt(self._sink.close)

    def _attempt(self, act: Callable[[], None]) -> None:
        if self._is_lost:
            return
        try:
            act()
        except OSError as error:
            self._is_lost = True
            reason = error.strerror or error
            self._say(f"{self._name} takes no more curves, the run goes on without it: {reason}")
