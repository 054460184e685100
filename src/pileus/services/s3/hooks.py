"""Timed work of this room: none. Rules run by ``lifecycle.py``, garbage goes by ``collecting.py``."""
