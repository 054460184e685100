"""Timers and deliveries of this room: none; deployments resume in ``background``."""
