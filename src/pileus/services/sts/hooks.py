"""This room has no timed work: credentials end by themselves."""
