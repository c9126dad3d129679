"""The labeler's values: runs, labelers, queries, leases, answers, slices of the log. No input or output here."""
