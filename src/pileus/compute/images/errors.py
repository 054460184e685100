"""What can be wrong with an image."""

from __future__ import annotations

from pileus.values.errors import PileusError


class ImageError(PileusError):
    """Base of what is wrong with images."""


class ImageNotFound(ImageError):
    """No image has that name here."""


class ImageRefused(ImageError):
    """A manifest, a config or a layer that cannot be used; the text names what and why."""


class DigestMismatch(ImageError):
    """Bytes are not those that their digest announces."""


class UploadNotFound(ImageError):
    """No upload has that id: never begun, finished or given up."""


class UploadOutOfOrder(ImageError):
    """A part does not begin where the last one ended.

    Attributes:
        received_bytes: how many bytes the upload holds.
    """

    def __init__(self, received_bytes: int) -> None:
        super().__init__(f"the upload holds {received_bytes} bytes; the next part begins there")
        self.received_bytes = received_bytes


class NoRoom(ImageError):
    """The quota of unpacked layers is taken by layers in use."""
