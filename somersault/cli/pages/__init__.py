"""A run's pages: their addresses, who may reach them, how they are announced and how they are shut down."""
