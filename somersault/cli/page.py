"""Where the pages are, and how the labeling page gets before the person who shall label."""

from __future__ import annotations

import sys
import threading
import webbrowser

from somersault.cli.ports import LOOPBACK
from somersault.config import environment

__all__ = ["labeling_url", "open_page", "run_url"]


def labeling_url(port: int, *, token: str) -> str:
    """Gives the page's address with a labeler's token where no server and no log sees it: behind the #."""
    return f"http://{LOOPBACK}:{port}/#token={token}"


def run_url(port: int, *, token: str) -> str:
    """Gives the address of the page on which an owner watches the run, with the owner's token."""
    return f"http://{LOOPBACK}:{port}/run#token={token}"


def open_page(url: str) -> None:
    """Opens the page if somebody sits before a terminal and a screen; the caller prints the address anyway."""
    has_screen = sys.platform == "darwin" or environment("DISPLAY") or environment("WAYLAND_DISPLAY")
    if sys.stdin.isatty() and sys.stderr.isatty() and has_screen:
        # Needs no join: it only asks the desktop, and some browsers keep the asker waiting.
        threading.Thread(target=webbrowser.open, args=(url,), name="open-page", daemon=True).start()
