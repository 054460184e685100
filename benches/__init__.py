"""The table of figures: one file per question, each measured against its floor in the same run."""
