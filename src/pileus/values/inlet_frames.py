"""What travels on the inlet of a pushed source: frames of a head and, for bytes, so many of them."""

from __future__ import annotations

import struct

HEAD = struct.Struct(">BI")
"""Kind, and length of what follows in bytes."""
BEGIN, DATA, END, CUT, OFFER = 1, 2, 3, 4, 5
"""A publisher comes; its bytes; it has ended; it was cut off; one comes by WebRTC, with this offer."""
