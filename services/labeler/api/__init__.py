"""LabelerService as it is served: its rpcs, who may call them, and the conversion of messages."""
