"""Files that are copied into an export unchanged: they import numpy and nothing of somersault."""
