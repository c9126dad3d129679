"""The versions of the database's tables, one file each."""
