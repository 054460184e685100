"""Calls to the platform's AWS APIs, with its refusals and silences as our errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import botocore.session
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectionError,
    EndpointConnectionError,
    HTTPClientError,
    ReadTimeoutError,
)

from pileus.deploy.accounts import SECRET
from pileus.deploy.errors import ApiError, DeployError, NoAnswer, PlatformGone, PlatformUnreachable
from pileus.shapes.source import OWN_FOLDER

INVOKE_TIMEOUT_S = 960
"""A function may run for 15 minutes; the connection must outlive it."""


@dataclass(frozen=True, slots=True)
class Time:
    """How a client waits.

    Attributes:
        now_ms: wall time, epoch milliseconds.
        sleep: blocks for a number of seconds.
    """

    now_ms: Callable[[], int]
    sleep: Callable[[float], None]


class Api:
    """One account's APIs in one region.

    Args:
        endpoint: ``http://127.0.0.1:4566``.
        account: twelve digits; also the access key id.
    """

    def __init__(self, endpoint: str, account: str, region: str) -> None:
        self.endpoint = endpoint.rstrip("/")
        self.account = account
        self.region = region
        self._session = botocore.session.Session()
        self._session.get_component("data_loader").search_paths.append(str(OWN_FOLDER))
        self._clients: dict[str, Any] = {}

    def of_account(self, account: str, region: str | None = None) -> Api:
        """The same platform for another account, in the same region unless one is given."""
        return Api(self.endpoint, account, region or self.region)

    def client(self, service: str) -> Any:
        """A botocore client, made once; never retries by itself."""
        if service not in self._clients:
            self._clients[service] = self._session.create_client(
                service,
                region_name=self.region,
                endpoint_url=self.endpoint,
                aws_access_key_id=self.account,
                aws_secret_access_key=SECRET,
                config=Config(
                    retries={"total_max_attempts": 1},
                    connect_timeout=5,
                    read_timeout=INVOKE_TIMEOUT_S,
                    s3={"addressing_style": "path"},
                ),
            )
        return self._clients[service]

    def call(self, service: str, operation: str, **input: Any) -> dict[str, Any]:
        """Call ``operation`` (``DescribeStacks``); its output.

        Raises:
            ApiError: the platform refused.
            PlatformUnreachable, PlatformGone, NoAnswer: nobody answered, the connection broke, or
            nothing came back in time.
            DeployError: the call is malformed.
        """
        try:
            output: dict[str, Any] = getattr(self.client(service), xform_name(operation))(**input)
        except ClientError as error:
            raise self._refusal(service, operation, error) from error
        except BotoCoreError as error:
            raise self._failure(f"{service}:{operation}", error) from error
        return output

    def each(self, service: str, operation: str, member: str, **input: Any) -> Iterator[Any]:
        """The entries of ``member`` over all pages. Raises as :meth:`call`."""
        try:
            pages = self.client(service).get_paginator(xform_name(operation)).paginate(**input)
            for page in pages:
                yield from page.get(member) or ()
        except ClientError as error:
            raise self._refusal(service, operation, error) from error
        except BotoCoreError as error:
            raise self._failure(f"{service}:{operation}", error) from error

    def _refusal(self, service: str, operation: str, error: ClientError) -> ApiError:
        told = error.response.get("Error", {})
        return ApiError(service, operation, told.get("Code", ""), told.get("Message", str(error)))

    def _failure(self, call: str, error: BotoCoreError) -> Exception:
        if isinstance(error, EndpointConnectionError):
            return PlatformUnreachable(self.endpoint)
        if isinstance(error, ReadTimeoutError):
            return NoAnswer(self.endpoint, call, INVOKE_TIMEOUT_S)
        if isinstance(error, ConnectionClosedError):
            return PlatformGone(self.endpoint, call)
        if isinstance(error, (ConnectionError, HTTPClientError)):
            return PlatformUnreachable(self.endpoint, str(error))
        return DeployError(str(error))
