"""The composition root: settings in, a running platform out. The only place that chooses adapters.

What the first answer needs is made by ``opening``; everything else is a wing, a module here that
is imported when something of it is first wanted (``running.Platform.wing``).
"""

from pileus.platform.opening import run_until, start
from pileus.platform.running import Platform

__all__ = ["Platform", "run_until", "start"]
