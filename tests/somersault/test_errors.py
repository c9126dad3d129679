"""The tree of errors and the statuses they are sent as."""

from __future__ import annotations

import grpc
import pytest

from somersault import errors


@pytest.mark.parametrize("name", sorted(set(errors.__all__) - {"error_from_status", "SomersaultError"}))
def test_each_error_comes_back_from_its_status(name: str) -> None:
    """A client catches what the server raised, or its parent where two share a status."""
    kind = getattr(errors, name)
    assert issubclass(kind, type(errors.error_from_status(kind.status, "detail")))


def test_invalid_input_names_field_value_and_bound() -> None:
    """The text says all that a caller needs."""
    assert str(errors.InvalidInputError("count", 11, "1 to 10")) == "count is 11, must be 1 to 10"


def test_long_value_is_cut() -> None:
    """A message can't be flooded by its own cause."""
    assert len(str(errors.InvalidInputError("name", "x" * 10_000, "short"))) < 200


def test_deadline_counts_as_unavailable() -> None:
    """A call that ran out of time may succeed later."""
    error = errors.error_from_status(grpc.StatusCode.DEADLINE_EXCEEDED, "late")
    assert isinstance(error, errors.UnavailableError)


def test_unknown_status_is_the_root() -> None:
    """A status that stands for nothing of ours is still one of our errors."""
    assert type(errors.error_from_status(grpc.StatusCode.INTERNAL, "x")) is errors.SomersaultError
