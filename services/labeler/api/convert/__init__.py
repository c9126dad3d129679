"""Messages of LabelerService to values and back, one module for each subject."""
