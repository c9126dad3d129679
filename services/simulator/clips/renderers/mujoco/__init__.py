"""Renders MuJoCo's physics states."""
