"""In which numbers networks for pictures are computed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from somersault.precision import choose_dtype

_PROCESSOR = Path("/proc/cpuinfo")


def test_what_is_asked_for_by_name_is_given() -> None:
    """Whatever the processor can."""
    assert choose_dtype("float32") == torch.float32
    assert choose_dtype("bfloat16") == torch.bfloat16


@pytest.mark.skipif(not _PROCESSOR.exists(), reason="the processor is told of there on Linux alone")
def test_auto_is_bfloat16_just_where_the_processor_says_it_has_it() -> None:
    """Told apart by the kernel's own list of instructions."""
    flags = set(_PROCESSOR.read_text(encoding="utf-8").split())
    has_bfloat16 = bool(flags & {"amx_bf16", "avx512_bf16"})
    assert (choose_dtype("auto") == torch.bfloat16) is has_bfloat16
