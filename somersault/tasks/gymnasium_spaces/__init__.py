"""Reads Gymnasium's spaces: what a policy sees and does in them."""
