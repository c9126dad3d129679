"""Stands in for trackers' clients where they aren't installed: takes the calls that the real ones take, and no others.

``tracker_calls.json`` holds the parameters of each call as `inspect.signature` gave them for the version named there.
"""

from __future__ import annotations

import inspect
import json
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

CALLS = json.loads((Path(__file__).parent / "tracker_calls.json").read_text(encoding="utf-8"))


class Recorder:
    """Notes each call with its arguments by name; an argument that the real client doesn't take is a TypeError."""

    def __init__(self, tracker: str) -> None:
        """Take whose calls are known."""
        self._signatures = {name: _signature(parts) for name, parts in CALLS[tracker]["calls"].items()}
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def function(self, name: str, result: Any = None) -> Callable[..., Any]:
        """Return a function that notes its calls and always returns the same."""

        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls.append((name, dict(self._signatures[name].bind(*args, **kwargs).arguments)))
            return result

        return call

    def arguments(self, name: str) -> list[dict[str, Any]]:
        """Give the arguments of each call of a function."""
        return [arguments for called, arguments in self.calls if called == name]


def wandb(recorder: Recorder) -> dict[str, Any]:
    """Give what stands in for the modules of wandb."""
    run = types.SimpleNamespace(
        define_metric=recorder.function("define_metric"),
        log=recorder.function("log"),
        finish=recorder.function("finish"),
        summary={},
    )
    module = types.SimpleNamespace(
        login=recorder.function("login", False),
        init=recorder.function("init", run),
        Settings=recorder.function("Settings"),
        Video=recorder.function("Video", "a video"),
    )
    return {"wandb": module}


def trackio(recorder: Recorder) -> dict[str, Any]:
    """Give what stands in for the modules of trackio."""
    run = types.SimpleNamespace(log=recorder.function("log"), finish=recorder.function("finish"))
    module = types.SimpleNamespace(
        init=recorder.function("init", run), Video=recorder.function("Video", "a video")
    )
    return {"trackio": module}


def mlflow(recorder: Recorder) -> dict[str, Any]:
    """Give what stands in for the modules of MLflow."""
    begun = types.SimpleNamespace(info=types.SimpleNamespace(run_id="run-of-mlflow"))
    results = {"create_experiment": "7", "create_run": begun}
    names = [name for name in CALLS["mlflow"]["calls"] if name.islower()]
    client = types.SimpleNamespace(**{name: recorder.function(name, results.get(name)) for name in names})
    return {
        "mlflow": types.SimpleNamespace(),
        "mlflow.tracking": types.SimpleNamespace(MlflowClient=recorder.function("MlflowClient", client)),
        "mlflow.entities": types.SimpleNamespace(Metric=recorder.function("Metric", "a metric")),
    }


def _signature(parts: list[str]) -> inspect.Signature:
    """Give the signature of parameters written as ``name``, ``name=`` with a default, ``kw:name=`` by name alone."""
    kinds = inspect.Parameter
    return inspect.Signature(
        [
            kinds(
                part.removeprefix("kw:").removesuffix("="),
                kinds.KEYWORD_ONLY if part.startswith("kw:") else kinds.POSITIONAL_OR_KEYWORD,
                default=None if part.endswith("=") else kinds.empty,
            )
            for part in parts
        ]
    )
