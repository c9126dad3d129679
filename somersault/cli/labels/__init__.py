"""Answers as files: out of a run, and into one."""
