"""Talks to a tracker on a thread of its own, so that a slow or absent one never holds up a run."""

from __future__ import annotations

import contextlib
import queue
import sys
import threading
from collections.abc import Callable, Mapping

from somersault.cli.curves.sink import CurvePoint, CurveSink

__all__ = ["BackgroundSink"]

_MAX_WAITING = 1000  # points, half an hour's, for a server that doesn't answer; more are dropped
_CLOSE_S = 15.0
_CUT_S = 3.0  # whoever pressed Ctrl-C waits for it

_Work = Callable[[CurveSink], None]


class BackgroundSink:
    """Passes everything on in order. The first failure of a tracker is reported, and after it nothing more is sent.

    Trackers can't drop points, so after a checkpoint is restored nothing is sent until the run has passed what they have.
    """

    def __init__(
        self,
        open_sink: Callable[[], CurveSink],
        *,
        name: str,
        say: Callable[[str], None],
        newest_env_steps: int = 0,
    ) -> None:
        """Start to open the tracker.

        Args:
            open_sink: Opens it; called on the thread.
            name: The tracker's, for messages.
            say: Called with what went wrong, from the thread.
            newest_env_steps: The newest step that it has from earlier lives.
        """
        self._open_sink = open_sink
        self._name = name
        self._say = say
        self._newest = newest_env_steps
        self._close_s = _CUT_S
        self._works: queue.Queue[_Work | None] = queue.Queue(_MAX_WAITING)
        # Not waited for at the process's end beyond `close`: a server that never answers must not keep a run open.
        self._thread = threading.Thread(target=self._run, name=f"track-{name}", daemon=True)
        self._thread.start()

    def write(self, point: CurvePoint) -> None:
        """Pass a point on unless it is behind an earlier one."""
        if point.env_steps >= self._newest:
            self._newest = point.env_steps
            self._pass_on(lambda sink: sink.write(point))

    def rewind(self, env_steps: int) -> None:
        """Send nothing until the run has passed what the tracker has."""

    def add_video(self, name: str, clip: bytes, *, env_steps: int) -> None:
        """Pass a clip on."""
        self._pass_on(lambda sink: sink.add_video(name, clip, env_steps=env_steps))

    def finish(self, results: Mapping[str, float], *, env_steps: int) -> None:
        """Pass the results on."""
        self._close_s = _CLOSE_S
        self._pass_on(lambda sink: sink.finish(results, env_steps=env_steps))

    def close(self) -> None:
        """Wait a few seconds at most until the tracker has everything; less if the run was stopped."""
        if self._thread.is_alive():
            self._pass_on(None)
            self._thread.join(self._close_s)
        if self._thread.is_alive():
            self._say(
                f"{self._name} did not accept everything within {self._close_s:.0f} s; the rest is in progress.jsonl"
            )

    def _pass_on(self, work: _Work | None) -> None:
        try:
            self._works.put_nowait(work)
        except queue.Full:
            return  # said by `close`, which then finds the thread alive

    def _run(self) -> None:
        try:
            sink = self._open_sink()
            while (work := self._works.get()) is not None:
                work(sink)
            with contextlib.redirect_stdout(sys.stderr):  # some say farewell; ours may be one JSON object
                sink.close()
        except Exception as error:  # another project's client: whatever it raises, the run goes on
            self._say(f"{self._name} stopped accepting curves; the run goes on without it: {error!r}")
