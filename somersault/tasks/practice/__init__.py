"""Pairs that labelers practise on: two clips of a task of which one is obviously better."""

from somersault.tasks.practice.packaged import PACKAGED
from somersault.tasks.practice.pair import PracticePair

__all__ = ["PACKAGED", "PracticePair"]
