"""Webhooks: delivery of the preference log to URLs that owners register."""
