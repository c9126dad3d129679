"""Curves for TensorBoard, with the run's settings (HPARAMS), texts (TEXT) and videos (IMAGES, as animated GIFs)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from somersault.cli.curves.gif import encode_gif
from somersault.cli.curves.sink import CurvePoint, RunFacts
from somersault.errors import ConfigError

__all__ = ["RESULTS", "TensorBoard"]

RESULTS = {
    "true_return_mean": "true return",
    "flips_per_episode": "flips an episode",
    "preference_accuracy": "preference accuracy",
    "labels": "labels",
    "env_steps": "environment steps",
    "wall_s": "seconds",
}
"""The results in the HPARAMS tab and their titles."""


class TensorBoard:
    """Appends to event files, one for each life of a run."""

    def __init__(self, folder: Path, facts: RunFacts) -> None:
        """Open a new event file; a run's first one gets its settings and texts.

        Raises:
            ConfigError: TensorBoard's package is missing.
        """
        try:
            from tensorboard.compat.proto import event_pb2, summary_pb2
            from tensorboard.summary.writer.event_file_writer import EventFileWriter
        except ImportError as error:
            raise ConfigError("curves need tensorboard; pip install 'somersault[cli]'") from error
        self._event_pb2, self._summary_pb2 = event_pb2, summary_pb2
        is_first = not any(folder.glob("events.*"))
        self._events = EventFileWriter(str(folder))
        if is_first:
            self._begin(facts)

    def write(self, point: CurvePoint) -> None:
        """Add a point to each curve."""
        self._add_scalars(point.scalars, env_steps=point.env_steps)

    def rewind(self, env_steps: int) -> None:
        """Make TensorBoard drop what comes after this step, as for a training that was restarted."""
        log = self._event_pb2.SessionLog(status=self._event_pb2.SessionLog.START)
        # It drops what is not below the event's step.
        self._events.add_event(
            self._event_pb2.Event(wall_time=time.time(), step=env_steps + 1, session_log=log)
        )
        self._events.flush()

    def add_video(self, name: str, clip: bytes, *, env_steps: int) -> None:
        """Add a clip as an animated GIF to the images."""
        encoded, width, height = encode_gif(clip)
        image = self._summary_pb2.Summary.Image(
            encoded_image_string=encoded, width=width, height=height, colorspace=3
        )
        self._add([self._summary_pb2.Summary.Value(tag=name, image=image)], env_steps=env_steps)

    def finish(self, results: Mapping[str, float], *, env_steps: int) -> None:
        """Add the results, which the HPARAMS tab compares, and mark the run as over."""
        from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

        self._add_scalars({f"final/{name}": value for name, value in results.items()}, env_steps=env_steps)
        ended = plugin_data_pb2.SessionEndInfo(status=api_pb2.STATUS_SUCCESS, end_time_secs=time.time())
        content = plugin_data_pb2.HParamsPluginData(session_end_info=ended)
        value = self._summary_pb2.Summary.Value(
            tag=metadata.SESSION_END_INFO_TAG,
            metadata=metadata.create_summary_metadata(content),
            tensor=metadata.NULL_TENSOR,
        )
        self._add([value], env_steps=0)

    def close(self) -> None:
        """Close the event file."""
        self._events.close()

    def _begin(self, facts: RunFacts) -> None:
        from tensorboard.plugins.hparams import summary_v2

        metrics = [summary_v2.Metric(f"final/{name}", display_name=words) for name, words in RESULTS.items()]
        names = [summary_v2.HParam(name) for name in facts.settings]  # TensorBoard shows the first five
        summaries = (
            summary_v2.hparams_config_pb(hparams=names, metrics=metrics),
            summary_v2.hparams_pb(dict(facts.settings), trial_id=facts.run_id),
        )
        for summary in summaries:
            self._add(summary.value, env_steps=0)
        self._add([self._text(name, text) for name, text in facts.texts.items()], env_steps=0)

    def _text(self, name: str, text: str) -> Any:
        from tensorboard.plugins.text import metadata
        from tensorboard.util import tensor_util

        return self._summary_pb2.Summary.Value(
            tag=name,
            metadata=metadata.create_summary_metadata(display_name=name, description=""),
            tensor=tensor_util.make_tensor_proto([text.encode()]),
        )

    def _add_scalars(self, scalars: Mapping[str, float], *, env_steps: int) -> None:
        make = self._summary_pb2.Summary.Value
        self._add([make(tag=tag, simple_value=value) for tag, value in scalars.items()], env_steps=env_steps)

    def _add(self, values: Any, *, env_steps: int) -> None:
        summary = self._summary_pb2.Summary(value=values)
        self._events.add_event(self._event_pb2.Event(wall_time=time.time(), step=env_steps, summary=summary))
        self._events.flush()
