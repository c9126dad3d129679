"""The web pages and their gateway: a client of the public ``LabelerService`` and of nothing else."""
