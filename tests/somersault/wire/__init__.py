"""Messages to value objects and back."""
