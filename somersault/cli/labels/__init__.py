"""Answers as files: exported from a run and imported into one."""
