"""The kinds of option that commands share, each with its bounds."""
