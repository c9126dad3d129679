"""What the labeler speaks of, as values: runs, labelers, queries, leases, answers, rows of the log. No input or output."""
