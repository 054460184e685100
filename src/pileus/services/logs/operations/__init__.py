"""One file per operation; the door finds them by name."""
