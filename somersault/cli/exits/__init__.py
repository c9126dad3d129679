"""How every command ends, whatever ends it: one line, one JSON object, one exit code."""
