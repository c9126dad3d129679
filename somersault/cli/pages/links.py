"""The pages' addresses, and how the labeling page gets in front of the person who is to label."""

from __future__ import annotations

import sys
import threading
import webbrowser

from somersault.runtime.config import environment

__all__ = ["labeling_url", "open_page", "owner_url", "run_url"]


def labeling_url(base: str, *, token: str) -> str:
    """Return the page's address with a labeler's token where no server and no log sees it: behind the #.

    Args:
        base: Where the pages are, as `somersault.cli.pages.access.web_url` gives it.
        token: The labeler's.
    """
    return f"{base}/#token={token}"


def run_url(base: str, *, token: str) -> str:
    """Return the address of the page on which an owner watches the run, with the owner's token."""
    return f"{base}/run#token={token}"


def owner_url(base: str, *, token: str) -> str:
    """Return the address of the page on which an owner invites people, with the owner's token."""
    return f"{base}/owner#token={token}"


def open_page(url: str) -> bool:
    """Open the page if somebody sits in front of a terminal and a screen, and return whether it was tried."""
    has_screen = sys.platform == "darwin" or environment("DISPLAY") or environment("WAYLAND_DISPLAY")
    if not (sys.stdin.isatty() and sys.stderr.isatty() and has_screen):
        return False
    # Needs no join: it only asks the desktop, and some browsers keep the asker waiting.
    threading.Thread(target=webbrowser.open, args=(url,), name="open-page", daemon=True).start()
    return True
