"""Messages to value objects and back, with every shape and bound checked on the way in."""

from somersault.wire.preference import (
    preference_from_message,
    preference_to_message,
    role_from_message,
    role_to_message,
)
from somersault.wire.tensors import array_from_tensor, tensor_from_array
from somersault.wire.trajectory import (
    rollout_from_message,
    rollout_to_message,
    segment_from_message,
    segment_to_message,
    stored_segment_from_message,
    stored_segment_to_message,
    task_spec_from_message,
    task_spec_to_message,
)

__all__ = [
    "array_from_tensor",
    "preference_from_message",
    "preference_to_message",
    "role_from_message",
    "role_to_message",
    "rollout_from_message",
    "rollout_to_message",
    "segment_from_message",
    "segment_to_message",
    "stored_segment_from_message",
    "stored_segment_to_message",
    "task_spec_from_message",
    "task_spec_to_message",
    "tensor_from_array",
]
