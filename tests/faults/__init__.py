"""Causes faults and judges what is left: `make faults` runs campaigns of any length, and tests here small ones (docs/faults.md)."""
