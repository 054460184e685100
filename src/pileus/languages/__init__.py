"""Pure interpreters of the small languages AWS services speak; no I/O, no clock, no chance."""
