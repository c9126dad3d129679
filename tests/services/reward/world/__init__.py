"""A whole run in memory, in virtual time: real reward service and learner, small models of everything else."""
