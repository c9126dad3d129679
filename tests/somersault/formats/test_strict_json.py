"""What is written as JSON any reader takes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from services.labeler.people.token_files import read_tokens
from services.simulator.segments.format import decode_segment
from services.web.session import posted_token
from somersault.api.policy import load_policy
from somersault.cli.cloning.contents import copy_files
from somersault.cli.curves.trackers.identity import TrackerIdentity
from somersault.cli.labels.segment_check import check_segment
from somersault.cli.run.folder import RunFolder
from somersault.errors import SomersaultError, shorten
from somersault.formats import checkpoint, sealed
from somersault.formats.strict_json import dump_json, load_json
from somersault.reward_model.encoding import read_config
from somersault.runs.settings import read_json_object
from somersault.runtime.config import ServiceConfig, load_config
from somersault.tasks import get_task


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), np.float64("nan")])
def test_a_number_that_is_not_finite_becomes_null(value: float) -> None:
    """Wherever it stands; what stands beside it is kept."""
    text = dump_json({"mean": value, "rows": [1.5, (value, "NaN")], "inner": {"deep": value}})
    assert json.loads(text, parse_constant=_refuse) == {
        "mean": None,
        "rows": [1.5, [None, "NaN"]],
        "inner": {"deep": None},
    }


def test_finite_values_are_written_as_json_does() -> None:
    """Stored digests are over these very bytes."""
    value = {"b": [1, 2.5, True, None, "ü"], "a": {"x": ()}}
    assert dump_json(value) == json.dumps(value)
    options = {"sort_keys": True, "ensure_ascii": False, "indent": 2}
    assert dump_json(value, **options) == json.dumps(value, **options)


def test_what_has_no_json_is_refused_or_passed_to_the_default() -> None:
    """Also beside a number that is not finite, as a log line may have it."""
    with pytest.raises(TypeError):
        dump_json({"value": object(), "mean": float("nan")})
    text = dump_json({"value": b"x", "mean": float("nan")}, default=repr)
    assert json.loads(text) == {"value": "b'x'", "mean": None}


_DEEP = "[" * 200_000
_HEADER = len(_DEEP).to_bytes(8, "little") + _DEEP.encode()


def test_what_is_nested_too_deeply_is_refused_as_what_is_no_json() -> None:
    """Python's own reader has another error for it, which nobody expects."""
    with pytest.raises(ValueError, match="nested too deeply"):
        load_json(_DEEP)
    assert load_json(b'{"a": [1, null]}') == {"a": [1, None]}


@pytest.mark.parametrize(
    "read",
    [
        lambda path: RunFolder(path.parent).read_config(),
        lambda path: TrackerIdentity(path, "wandb").stored,
        lambda path: copy_files(path.parent, path.parent / "copy", shown_at=path.parent),
        read_json_object,
        lambda path: load_config(ServiceConfig, ["--config", str(path)]),
        lambda path: load_config(ServiceConfig, ["--config", str(path.with_suffix(".toml"))]),
        lambda path: load_policy(path.with_suffix(".safetensors")),
        lambda _: check_segment(_HEADER, task=get_task("pendulum")),
        lambda _: checkpoint.unpack(_HEADER),
        lambda _: read_config(_HEADER),
        lambda _: decode_segment(_HEADER, task=get_task("pendulum")),
        lambda _: sealed.decode(_HEADER),
        lambda _: posted_token(_DEEP.encode()),
        read_tokens,
    ],
)
def test_no_file_of_others_is_a_bug_of_ours(tmp_path: Path, read: Callable[[Path], object]) -> None:
    """Whatever reads it says in a line what is wrong."""
    (tmp_path / "copy").mkdir()
    for name in ("config.json", "summary.json"):
        (tmp_path / name).write_text(_DEEP)
        (tmp_path / name).chmod(0o600)
    (tmp_path / "config.toml").write_text(f"a = {_DEEP}")
    (tmp_path / "config.safetensors").write_bytes(_HEADER)
    with pytest.raises(SomersaultError):
        read(tmp_path / "config.json")


def test_a_deep_value_can_be_named() -> None:
    """What was just not too deep to be read may be too deep to be shown."""
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    assert shorten(value) == "a value that is nested too deeply"
