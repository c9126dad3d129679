"""The subcommands: each module declares one command's options and calls the code that does the work."""
