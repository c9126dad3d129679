"""The simulator and its clips: speed, memory, and what tasks look like."""
