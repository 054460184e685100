"""The output of functions, models and tasks on its way to the logs room."""

from __future__ import annotations

from pileus.compute.log_shipping import LogShipper
from pileus.platform.running import Closing, Platform


def build(platform: Platform) -> None:
    """The one shipper; what it still holds at the end is sent."""
    shipper = LogShipper(platform.kernel)
    platform.kernel.add_part(LogShipper, shipper)
    platform.at_close(Closing.LOGS, shipper.flush)
