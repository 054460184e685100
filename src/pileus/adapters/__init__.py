"""One file or folder per technology behind a port. Adapters know ports and values only."""
