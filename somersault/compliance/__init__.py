"""Checks that anyone can run against their own labeler or front end: ``somersault compliance --help``."""

from somersault.compliance.checks import Outcome, Verdict
from somersault.compliance.client import ClientOptions, check_client
from somersault.compliance.server import check_server

__all__ = ["ClientOptions", "Outcome", "Verdict", "check_client", "check_server"]
