"""Keeps a failing curve file for people from ending a run, whose own rows are in ``progress.jsonl``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from somersault.cli.curves.sink import CurvePoint, CurveSink

__all__ = ["TolerantSink"]


class TolerantSink:
    """Passes everything on until the system refuses; that is reported once, and after it nothing more is written."""

    def __init__(self, open_sink: Callable[[], CurveSink], *, name: str, say: Callable[[str], None]) -> None:
        """Open the sink.

        Args:
            open_sink: Opens it.
            name: Its name in messages.
            say: Called with what went wrong.
        """
        self._name = name
        self._say = say
        self._sink: CurveSink | None = None
        try:
            self._sink = open_sink()
        except OSError as error:
            self._lose(error)

    def write(self, point: CurvePoint) -> None:
        """Pass a point on."""
        self._attempt(lambda sink: sink.write(point))

    def rewind(self, env_steps: int) -> None:
        """Pass on that later points are dropped."""
        self._attempt(lambda sink: sink.rewind(env_steps))

    def add_video(self, name: str, clip: bytes, *, env_steps: int) -> None:
        """Pass a clip on."""
        self._attempt(lambda sink: sink.add_video(name, clip, env_steps=env_steps))

    def finish(self, results: Mapping[str, float], *, env_steps: int) -> None:
        """Pass the results on."""
        self._attempt(lambda sink: sink.finish(results, env_steps=env_steps))

    def close(self) -> None:
        """Close the sink."""
        self._attempt(lambda sink: sink.close())

    def _attempt(self, act: Callable[[CurveSink], None]) -> None:
        if self._sink is None:
            return
        try:
            act(self._sink)
        except OSError as error:
            self._lose(error)

    def _lose(self, error: OSError) -> None:
        self._sink = None
        reason = error.strerror or error
        self._say(f"{self._name} accepts no more curves; the run goes on without it: {reason}")
