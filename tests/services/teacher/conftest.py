"""A running labeler with one run and no simulator, for teachers to answer."""

from tests.services.labeler.conftest import labeler

__all__ = ["labeler"]
