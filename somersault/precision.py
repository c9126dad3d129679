"""In which numbers a network for pictures is computed on this machine."""

from __future__ import annotations

from typing import Literal

import torch

__all__ = ["Precision", "choose_dtype"]

Precision = Literal["auto", "float32", "bfloat16"]
"""auto: bfloat16 where the device has instructions for it, else float32."""


def choose_dtype(precision: Precision, *, device: str = "cpu") -> torch.dtype:
    """Gives the type of number that a network for pictures is computed in; its weights stay float32 where it learns.

    Without instructions for bfloat16 torch emulates it: some ten times slower than float32 (docs/results.md).

    Args:
        precision: What was asked for.
        device: "cpu" or "cuda".
    """
    if precision != "auto":
        return torch.float32 if precision == "float32" else torch.bfloat16
    if device == "cuda":
        has_bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        capabilities = torch.cpu.get_capabilities()
        has_bfloat16 = bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))
    return torch.bfloat16 if has_bfloat16 else torch.float32
