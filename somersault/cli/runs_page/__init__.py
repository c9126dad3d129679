"""The page of all runs of a folder: a labeler that only lists, behind the ordinary web gateway."""
