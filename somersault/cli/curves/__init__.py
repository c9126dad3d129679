"""A run's curves, settings, texts and videos, for tools other than its own pages."""

from somersault.cli.curves.opening import open_curves
from somersault.cli.curves.sink import CurveSink, RunFacts
from somersault.cli.curves.trackers.registry import TRACKERS, check_tracker
from somersault.cli.curves.writer import CurveWriter

__all__ = ["TRACKERS", "CurveSink", "CurveWriter", "RunFacts", "check_tracker", "open_curves"]
