"""Moments to messages and back."""

from __future__ import annotations

from google.protobuf import timestamp_pb2

__all__ = ["milliseconds_from_timestamp", "timestamp_from_milliseconds"]


def timestamp_from_milliseconds(time_ms: int) -> timestamp_pb2.Timestamp:
    """Return the message of a moment in milliseconds since 1970."""
    seconds, milliseconds = divmod(time_ms, 1000)
    return timestamp_pb2.Timestamp(seconds=seconds, nanos=milliseconds * 1_000_000)


def milliseconds_from_timestamp(time: timestamp_pb2.Timestamp) -> int:
    """Return the milliseconds since 1970 of a message."""
    return time.seconds * 1000 + time.nanos // 1_000_000
