"""The project's own words as values and rules: nothing here waits, stores or sends."""
