"""What the port serves beside AWS's APIs, told by looks: every request is asked, so that handlers
need not be there before one of theirs comes."""

from __future__ import annotations

import re

from pileus.protocols.http import HttpRequest

REGISTRY = "/v2/"
FUNCTION_URLS = "lambda-url/"
"""Functions' own addresses by path, for clients that cannot resolve their names."""
FUNCTION_HOST = re.compile(
    r"([a-z0-9]{32})\.lambda-url\.[a-z0-9-]+\.(?:localhost|on\.aws)(?::\d+)?"
)
CODE = "code/"
"""Links to packages of functions and layers."""
CREDENTIALS = "function-credentials"
"""Where functions with SnapStart fetch their role's keys."""
TASKS = "tasks/"
"""Metadata of container tasks and their roles' keys, for tasks in the machine's own network."""
ANSWERS = "cfn-response/"
"""Where custom resources and wait conditions answer."""

MEDIA = "media/"
"""Live media: ``<account>/<region>/<source>/<what>``; all but what is pushed is the page's."""


_PUSHED = re.compile(r"/(?:push|whip(?:/[0-9a-f-]+)?)$")


def is_push(request: HttpRequest) -> bool:
    """Whether somebody pushes media."""
    return _PUSHED.search(request.path) is not None


def is_registry(request: HttpRequest) -> bool:
    """Whether a request is a registry client's: some AWS APIs have paths like these, and sign."""
    if not (request.path.startswith(REGISTRY) or request.path == REGISTRY[:-1]):
        return False
    is_signed = request.headers.get("authorization", "").startswith("AWS4-")
    return not is_signed and "X-Amz-Signature=" not in request.query


def is_function_url(request: HttpRequest) -> bool:
    """Whether a request's host is a function's."""
    host = request.headers.get("host", "")
    return ".lambda-url." in host and FUNCTION_HOST.fullmatch(host) is not None
