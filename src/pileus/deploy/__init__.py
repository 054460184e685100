"""Packaging and deploying as any client: talks to the platform over HTTP, imports none of it.

Functions here print nothing: they tell what happens through callables handed in, and the ``pileus``
command shows it.
"""
