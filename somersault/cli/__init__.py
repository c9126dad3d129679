"""The command `somersault`. It starts services as processes and imports none of them."""
