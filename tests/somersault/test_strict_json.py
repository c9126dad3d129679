"""What is written as JSON any reader takes."""

from __future__ import annotations

import json
from typing import NoReturn

import numpy as np
import pytest

from somersault.strict_json import dump_json


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
