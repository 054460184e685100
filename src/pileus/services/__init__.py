"""The rooms: one folder per AWS service, found by the registry. Rooms never import each other."""
