"""The subcommands as the command line sees them: each module is one command's options, and calls what does the work."""
