"""The labeling page and its gateway: a client of the public ``LabelerService`` and of nothing else."""
