"""What is stored, as bytes and back: each reader checks before it trusts."""
