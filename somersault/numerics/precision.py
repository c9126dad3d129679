"""In which numbers networks for pictures are computed.

A reward model scores in float32, everywhere and always: its scores are published, and every copy must give the same.
What speeds up one process alone, its own gradient steps and its acting, may be computed in bfloat16 where a setting asks
for it. Nothing here depends on the processor: the same settings are the same run (docs/adr/0015-precision.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

__all__ = ["Precision", "keep_float32_whole", "torch_dtype"]

Precision = Literal["float32", "bfloat16"]
"""What networks for pictures are computed in; a setting, never a guess from the processor."""


def torch_dtype(precision: Precision) -> torch.dtype:
    """Return the type of number; torch emulates bfloat16 where the processor lacks it, several times slower."""
    import torch  # settings name a precision where there is no torch

    return torch.float32 if precision == "float32" else torch.bfloat16


def keep_float32_whole() -> None:
    """Make float32 on a GPU mean float32: by default cuDNN rounds convolutions to TF32, which keeps 10 bits."""
    import torch

    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
