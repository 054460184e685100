"""What Task states ask of other services: the call for a resource, and its answer as a result."""
