"""Container tasks in podman or docker, where the user prefers them: see ``docs/decisions/0010``."""
