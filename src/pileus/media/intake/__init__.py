"""Reading one source, in a process of its own: ``python -m pileus.media.intake``."""
