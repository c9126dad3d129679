"""The audit log's details, in words."""

from __future__ import annotations

import json

from tests.services.web.page.page_module import called


def test_details_are_words_and_no_json() -> None:
    """Nested objects are flattened; booleans are words."""
    detail = {
        "is_paused": False,
        "result": {"headline": "It flips.", "num_labels": 60},
        "state": "finished",
        "names": ["a", "b"],
    }
    words = called("owner/audit_section.tsx", "detailWords", json.dumps(detail))
    assert words == ["not paused", "headline It flips.", "num labels 60", "state finished", "names a, b"]
    assert called("owner/audit_section.tsx", "detailWords", "no JSON") == ["no JSON"]
