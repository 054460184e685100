"""One operation or a few related ones per file; the door finds them by name."""
