"""The command line: starts services as processes and imports none of them."""
