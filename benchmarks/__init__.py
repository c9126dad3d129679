"""Each claim of speed, with the command that measures it and the peer beside it in the same run."""
