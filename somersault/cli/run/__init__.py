"""A run on disk: its folder, settings, names, store and database."""
