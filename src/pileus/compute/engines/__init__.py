"""Media engines: which chunk goes where, in what order results leave, how many instances run."""
