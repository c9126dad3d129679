"""Queries: which pairs are asked about, who has leased which until when, and gold among them."""
