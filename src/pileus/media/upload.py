"""Sending segments to a bucket, patiently: the platform may be away for a while."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NotConnected

from pileus.media.spool import Spool, Waiting
from pileus.values.errors import PileusError

PAUSE_S_FIRST = 0.1
PAUSE_S_MAX = 2.0
_TRANSIENT_CODES = frozenset(
    {"SlowDown", "RequestTimeout", "OperationAborted", "ThrottlingException"}
)


class UploadRefused(PileusError):
    """The bucket will not take segments (it does not exist, access is denied)."""


class UploadGivenUp(PileusError):
    """The platform was away for longer than one was willing to wait."""


class Unreachable(PileusError):
    """Storing did not succeed now; it may later."""


class Bucket(Protocol):
    """Where segments go."""

    def put(self, key: str, data: bytes) -> None:
        """Store; when this returns it is acknowledged.

        Raises:
            Unreachable: it may succeed later; storing the same key again does no harm.
            UploadRefused: it will not.
        """
        ...


class S3Bucket:
    """A bucket behind the S3 API, through botocore as any client.

    Args:
        endpoint: ``http://127.0.0.1:4566``.
        credentials: access key id and secret; None takes what the usual AWS settings hold.
    """

    def __init__(
        self, name: str, endpoint: str, region: str, credentials: tuple[str, str] | None = None
    ) -> None:
        self._name = name
        session = botocore.session.get_session()
        settings = Config(
            connect_timeout=2,
            read_timeout=10,
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
        )
        key_id, secret = credentials or (None, None)
        self._client: Any = session.create_client(
            "s3",
            region_name=region,
            endpoint_url=endpoint,
            config=settings,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
        )

    def put(self, key: str, data: bytes) -> None:
        """See :class:`Bucket`."""
        try:
            self._client.put_object(
                Bucket=self._name, Key=key, Body=data, ContentType="video/x-matroska"
            )
        except (HTTPClientError, NotConnected) as error:
            raise Unreachable(str(error)) from error
        except ClientError as error:
            code = error.response["Error"].get("Code", "")
            status = error.response["ResponseMetadata"].get("HTTPStatusCode", 500)
            if status >= 500 or status == 429 or code in _TRANSIENT_CODES:
                raise Unreachable(str(error)) from error
            raise UploadRefused(f"Bucket {self._name} refused {key}: {error}") from error
        except BotoCoreError as error:
            raise UploadRefused(f"{key} cannot be sent to bucket {self._name}: {error}") from error


@dataclass(frozen=True, slots=True)
class Stored:
    """An acknowledged segment: what it was, when it was acknowledged, how often it was tried."""

    segment: Waiting
    stored_at_ms: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Patience:
    """Time for the sender, given from outside.

    Attributes:
        now_ms: wall time, epoch milliseconds.
        mono_s: monotonic seconds.
        sleep: waits so many seconds.
        away_s_max: how long the bucket may be unreachable before one gives up.
    """

    now_ms: Callable[[], int]
    mono_s: Callable[[], float]
    sleep: Callable[[float], None]
    away_s_max: float


def send_all(
    spool: Spool,
    bucket: Bucket,
    patience: Patience,
    stored: Callable[[Stored], None],
    waiting: Callable[[str], None],
) -> None:
    """Send until the spool is closed and empty; what is not acknowledged stays in it.

    Args:
        stored: told of each acknowledged segment.
        waiting: told, once an outage, why nothing can be stored.

    Raises:
        UploadRefused, UploadGivenUp: the rest is still in the spool.
    """
    while (segment := spool.oldest()) is not None:
        data = segment.path.read_bytes()
        attempts, pause_s, since_s = 1, PAUSE_S_FIRST, patience.mono_s()
        while True:
            try:
                bucket.put(segment.key, data)
                break
            except Unreachable as error:
                if attempts == 1:
                    waiting(str(error))
                if patience.mono_s() - since_s > patience.away_s_max:
                    raise UploadGivenUp(
                        f"Nothing could be stored for {patience.away_s_max:g} s; {len(spool)} "
                        f"segments are kept and sent next time. Last: {error}"
                    ) from error
                patience.sleep(pause_s)
                attempts, pause_s = attempts + 1, min(pause_s * 2, PAUSE_S_MAX)
        spool.acknowledge(segment)
        stored(Stored(segment, patience.now_ms(), attempts))
