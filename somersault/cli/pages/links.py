"""The URLs of a run's pages, and opening one in the user's browser."""

from __future__ import annotations

import sys
import threading
import webbrowser

from somersault.runtime.config import environment

__all__ = ["labeling_url", "open_page", "owner_url", "run_url"]


def labeling_url(base: str, *, token: str) -> str:
    """Return the labeling page's URL with a labeler's token in the fragment, which reaches no server and no log.

    Args:
        base: The pages' URL, as `somersault.cli.pages.access.web_url` returns it.
        token: The labeler's token.
    """
    return f"{base}/#token={token}"


def run_url(base: str, *, token: str) -> str:
    """Return the URL of the run page, with the owner's token."""
    return f"{base}/run#token={token}"


def owner_url(base: str, *, token: str) -> str:
    """Return the URL of the owner's page, with the owner's token."""
    return f"{base}/owner#token={token}"


def open_page(url: str) -> bool:
    """Open the page in a browser if there is a terminal and a screen; return whether it was tried."""
    has_screen = sys.platform == "darwin" or environment("DISPLAY") or environment("WAYLAND_DISPLAY")
    if not (sys.stdin.isatty() and sys.stderr.isatty() and has_screen):
        return False
    # Needs no join: it only asks the desktop, and some browsers keep the asker waiting.
    threading.Thread(target=webbrowser.open, args=(url,), name="open-page", daemon=True).start()
    return True
