"""What ``import somersault`` provides; `somersault/__init__.py` loads each name when it is first used."""
