"""Chance that copies of one process would otherwise share."""

from __future__ import annotations

import os
import random
import sys

_SEED_BYTES = 32


def reseed() -> None:
    """Give this process its own: Python's and numpy's shared generators, OpenSSL's, names of files.

    Generators that a function made itself go on from where they stood, as in AWS's copies.
    """
    random.seed()
    # Not by numpy's attribute: that would import what seeds itself when it is imported, at a cost.
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()
    ssl = sys.modules.get("ssl")
    if ssl is not None:
        ssl.RAND_add(os.urandom(_SEED_BYTES), float(_SEED_BYTES))
    tempfile = sys.modules.get("tempfile")
    if tempfile is not None:  # it tells a copy by its process id, which all of them have in common
        tempfile._name_sequence = None  # type: ignore[attr-defined]
