"""One file per group of operations; the door finds them by name."""
