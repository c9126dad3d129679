"""A synthetic labeler: an ordinary client of the public API that may read segments' sealed teacher parts."""
