"""Measures every claim of speed in docs/results.md: ``python -m benchmarks``."""

from __future__ import annotations

from benchmarks import loop_speed, simulator_speed

if __name__ == "__main__":
    simulator_speed.main()
    loop_speed.main()
