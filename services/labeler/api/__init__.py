"""LabelerService as it is served: the rpcs, who may call them, and messages to values and back."""
