"""Live video: sources, segments, the player process and the preview.

Nothing here is imported by the control process except :mod:`pileus.media.preview`, which needs the
standard library only; whatever decodes or encodes runs in a process of its own (``python -m
pileus.media.player``), which talks to the platform as any client does.
"""
