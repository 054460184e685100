"""Container images as the code of functions: found in the registry, and kept as packages are.

https://docs.aws.amazon.com/lambda/latest/dg/images-create.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from pileus.compute.function_images import InvalidSource, NoSuchSource, UnsupportedSource
from pileus.compute.images.references import parse_name
from pileus.kernel.calls import StreamCall, WriteCall
from pileus.services.lambda_ import errors, store
from pileus.services.lambda_.code_sweep import CodeSweep
from pileus.services.lambda_.model import Code, ImageCode, ImagePin
from pileus.services.lambda_.running import Functions

_PIN_BYTES = 16


async def store_image(call: StreamCall, given: Mapping[str, Any], action: str) -> Code:
    """Keep the image that ``ImageUri`` stands for now.

    What comes of the operation is not known yet: an image that it does not use is let go by the sweep.

    Args:
        action: ``creating`` or ``updating``, for the error.

    Raises:
        ServiceError: InvalidParameterValueException for no image, or one that cannot be had.
    """
    uri = given.get("ImageUri") or ""
    if not uri:
        raise errors.no_image_uri(action)
    images = call.part(Functions).images
    pin = call.random_bytes(_PIN_BYTES).hex()
    try:
        space, image = images.find(call.account, call.region, uri)
        account, region, _ = space

        def note(write: WriteCall) -> None:
            record = ImagePin(account=account, region=region)
            write.state.put(("pin", pin), store.PINS.encode(record))

        call.part(CodeSweep).ask(call)
        await call.write(note)
        await images.pin(space, pin, image)
    except InvalidSource as error:
        raise errors.invalid_image(uri) from error
    except NoSuchSource as error:
        raise errors.no_such_image(uri) from error
    except UnsupportedSource as error:
        raise errors.unsupported_image(uri) from error
    resolved = str(replace(parse_name(uri), tag="", digest=image.digest))
    code = ImageCode(uri=uri, resolved=resolved, account=account, region=region, pin=pin)
    return Code(blob="", sha256=image.digest.partition(":")[2], size_bytes=0, image=code)
