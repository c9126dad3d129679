"""Sending the preference log to the URLs that owners name."""
