"""How every command ends: one line, one JSON object, one exit code."""
