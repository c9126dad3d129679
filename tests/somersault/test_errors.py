"""The tree of errors and the statuses they are sent as."""

from __future__ import annotations

import grpc
import pytest

from somersault import errors

CLASSES = sorted(
    name
    for name in errors.__all__
    if isinstance(found := getattr(errors, name), type) and issubclass(found, errors.SomersaultError)
)


@pytest.mark.parametrize("name", sorted(set(CLASSES) - {"SomersaultError"}))
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


@pytest.mark.parametrize("name", CLASSES)
def test_each_class_means_what_its_status_means(name: str) -> None:
    """A proxy or another implementation that sends the status alone is understood as we would be."""
    kind = getattr(errors, name)
    assert errors.error_from_status(kind.status, "detail").retry is kind.retry


def test_what_the_peer_says_counts_more_than_the_status() -> None:
    """Its metadata knows the case, the status only the class; a word that nobody knows says nothing."""
    assert errors.error_from_status(grpc.StatusCode.UNAVAILABLE, "x", retry="never").is_hopeless
    assert not errors.error_from_status(grpc.StatusCode.INVALID_ARGUMENT, "x", retry="again").is_hopeless
    assert not errors.error_from_status(grpc.StatusCode.NOT_FOUND, "x", retry="perhaps").is_hopeless
    assert errors.error_from_status(grpc.StatusCode.INVALID_ARGUMENT, "x", retry=b"again").is_hopeless


def test_one_error_may_differ_from_its_class() -> None:
    """And leaves the class as it is."""
    assert errors.UnavailableError("not installed").never().is_hopeless
    assert not errors.InvalidInputError("of the stream before").again().is_hopeless
    assert not errors.UnavailableError("away").is_hopeless
    assert errors.InvalidInputError("bad").is_hopeless


def test_of_several_errors_the_hopeless_one_is_told() -> None:
    """However deep it lies; then those of the domain come first."""
    away, bad, other = errors.UnavailableError("away"), errors.InvalidInputError("bad"), ValueError("x")
    assert errors.root_of(ExceptionGroup("", [other, away, ExceptionGroup("", [bad])])) is bad
    assert errors.root_of(ExceptionGroup("", [other, away])) is away
    assert errors.root_of(other) is other
