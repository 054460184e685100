"""The OCI distribution API (``/v2/…``): what docker, podman and skopeo push to and pull from.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md. Who may do what is asked of
the ecr room, whose operations each request goes through; layers' bytes stream beside it.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs, quote

import orjson
from msgspec.structs import replace

from pileus.compute.images import catalogue, layer_links, passwords
from pileus.compute.images.errors import ImageError, ImageNotFound
from pileus.compute.images.image_store import ImageStore
from pileus.compute.images.manifests import MANIFEST_BYTES_MAX
from pileus.gateway.aws import Invoke
from pileus.gateway.claims import REGISTRY as PATH
from pileus.gateway.registry_errors import RegistryError, error_response, translated
from pileus.gateway.registry_uploads import RegistryUploads
from pileus.kernel.credentials import Credential
from pileus.ports.clock import Clock
from pileus.protocols.http import HttpRequest, HttpResponse
from pileus.values.body import StreamBody
from pileus.values.context import DEFAULT_REGION, CallContext, Principal
from pileus.values.errors import ServiceError

_CHALLENGE = ("WWW-Authenticate", 'Basic realm="Pileus"')
VERSION = ("Docker-Distribution-Api-Version", "registry/2.0")
_ROUTE = re.compile(r"(?P<name>.+)/(?P<kind>manifests|blobs|tags|referrers)/(?P<what>[^/]+)")
_UPLOAD = re.compile(r"(?P<name>.+)/blobs/uploads/(?P<id>[^/]*)")
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_HOST = re.compile(r"(\d{12})\.dkr[.-]ecr\.([a-z0-9-]+)\.")
_PAGE = 1000


class RegistryDoor:
    """The handler of ``/v2/…``.

    Args:
        lookup: access key → Credential; registry clients log in with one, or with ECR's token.
    """

    def __init__(
        self,
        invoke: Invoke,
        images: ImageStore,
        lookup: Callable[[str], Credential | None],
        signing_key: bytes,
        clock: Clock,
    ) -> None:
        self._invoke = invoke
        self._images = images
        self._lookup = lookup
        self._signing_key = signing_key
        self._clock = clock
        self.region = DEFAULT_REGION
        self._uploads = RegistryUploads(invoke, images)

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        try:
            return await self._answer(request)
        except RegistryError as error:
            return error_response(error)
        except ServiceError as error:
            return error_response(translated(error))
        except ImageNotFound as error:
            return error_response(RegistryError(404, "BLOB_UNKNOWN", str(error)))
        except ImageError as error:
            return error_response(RegistryError(400, "MANIFEST_INVALID", str(error)))

    async def _answer(self, request: HttpRequest) -> HttpResponse:
        rest = request.path.removeprefix(PATH[:-1]).lstrip("/")
        query = {key: values[0] for key, values in parse_qs(request.query).items()}
        if "signature" in query:
            return await self._linked(request, rest, query)
        context = self._context(request)
        if not rest:
            return HttpResponse(200, [VERSION, ("Content-Type", "application/json")], b"{}")
        if rest == "_catalog":
            return await self._catalogue(request, context, query)
        if found := _UPLOAD.fullmatch(rest):
            return await self._uploads.answer(request, context, found["name"], found["id"], query)
        found = _ROUTE.fullmatch(rest)
        if found is None:
            raise RegistryError(404, "NAME_INVALID", f"nothing is served at {request.path}")
        name, kind, what = found["name"], found["kind"], found["what"]
        if kind == "blobs":
            return await self._blob(request, context, name, what)
        if kind == "manifests":
            return await self._manifest(request, context, name, what)
        if kind == "tags" and what == "list":
            return await self._tags(request, context, name, query)
        raise RegistryError(404, "UNSUPPORTED", f"{kind}/{what} is not served here")

    # -- who ----------------------------------------------------------------------------------

    def _context(self, request: HttpRequest) -> CallContext:
        context = self._authenticated(request)
        if found := _HOST.match(request.host):
            # The registry that the host names; whose it is the room decides by registryId.
            context = replace(context, account=found[1], region=found[2])
        endpoint = f"{request.scheme}://{request.host or '127.0.0.1'}"
        return replace(
            context, endpoint=endpoint, request_id=request.headers.get("x-request-id", "")
        )

    def _authenticated(self, request: HttpRequest) -> CallContext:
        kind, _, text = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "basic":
            raise self._unauthorized("authentication required")
        try:
            user, _, password = base64.b64decode(text, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise self._unauthorized("the Authorization header is malformed") from None
        if user == passwords.USER:
            bearer = passwords.read(self._signing_key, password, self._clock.now_ms())
            if bearer is None:
                raise self._unauthorized(
                    "Your authorization token has expired. Reauthenticate and try again."
                )
            return CallContext(bearer.account, bearer.region, bearer.principal)
        credential = self._lookup(user)
        if credential is None or not self._is_good(credential, password, request):
            raise self._unauthorized("no such access key, or another secret")
        return CallContext(credential.principal.account, self.region, credential.principal)

    def _is_good(self, credential: Credential, password: str, request: HttpRequest) -> bool:
        if credential.is_loopback_only and not request.is_loopback:
            return False
        return hmac.compare_digest(credential.secret_key.encode(), password.encode())

    def _unauthorized(self, message: str) -> RegistryError:
        return RegistryError(401, "UNAUTHORIZED", message, headers=(_CHALLENGE, VERSION))

    # -- layers -------------------------------------------------------------------------------

    async def _blob(
        self, request: HttpRequest, context: CallContext, name: str, digest: str
    ) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            message = "layers go with the last image that names them"
            raise RegistryError(405, "UNSUPPORTED", message)
        given = {"repositoryName": name, "layerDigest": digest}
        await self._invoke(context, "ecr", "GetDownloadUrlForLayer", given, None)
        return self._blob_response(request, context, name, digest)

    async def _linked(
        self, request: HttpRequest, rest: str, query: Mapping[str, str]
    ) -> HttpResponse:
        """A layer by a link that GetDownloadUrlForLayer gave."""
        found = _ROUTE.fullmatch(rest)
        owner = query.get("owner", "")
        proof = (query.get("expires", ""), query["signature"])
        is_good = found is not None and layer_links.is_valid(
            self._signing_key,
            f"{owner}/{found['name']}/{found['what']}",
            proof,
            self._clock.now_ms(),
        )
        if found is None or not is_good or request.method not in ("GET", "HEAD"):
            raise RegistryError(403, "DENIED", "the link has expired or was not made here")
        account, _, region = owner.partition(".")
        context = CallContext(account, region, Principal.service("ecr.amazonaws.com", account))
        return self._blob_response(request, context, found["name"], found["what"])

    def _blob_response(
        self, request: HttpRequest, context: CallContext, name: str, digest: str
    ) -> HttpResponse:
        space = catalogue.space_of(context.account, context.region)
        layer = self._images.layer(space, name, digest)
        if layer is None:
            raise RegistryError(404, "BLOB_UNKNOWN", f"{name} has no layer {digest}")
        headers = [
            VERSION,
            ("Content-Type", "application/octet-stream"),
            ("Docker-Content-Digest", digest),
            ("Accept-Ranges", "bytes"),
        ]
        size = layer.size_bytes
        if request.method == "HEAD":
            return HttpResponse(200, [*headers, ("Content-Length", str(size))])
        start, stop, status = 0, size, 200
        if found := _RANGE.fullmatch(request.headers.get("range", "")):
            start = int(found[1])
            stop = min(size, int(found[2]) + 1) if found[2] else size
            if start >= stop:
                wrong = (("Content-Range", f"bytes */{size}"),)
                raise RegistryError(416, "SIZE_INVALID", "no such range", headers=wrong)
            status = 206
            headers.append(("Content-Range", f"bytes {start}-{stop - 1}/{size}"))
        chunks = self._images.bytes_of(layer, start, stop)
        return HttpResponse(status, headers, StreamBody(chunks, stop - start))

    # -- manifests ----------------------------------------------------------------------------

    async def _manifest(
        self, request: HttpRequest, context: CallContext, name: str, reference: str
    ) -> HttpResponse:
        image_id = {"imageDigest" if ":" in reference else "imageTag": reference}
        if request.method == "PUT":
            return await self._put_manifest(request, context, name, reference)
        given: dict[str, Any] = {"repositoryName": name, "imageIds": [image_id]}
        if request.method == "DELETE":
            told = (await self._invoke(context, "ecr", "BatchDeleteImage", given, None)).output
            self._refuse_failures(told)
            return HttpResponse(202, [VERSION])
        if request.method not in ("GET", "HEAD"):
            raise RegistryError(405, "UNSUPPORTED", f"{request.method} is not served here")
        told = (await self._invoke(context, "ecr", "BatchGetImage", given, None)).output
        self._refuse_failures(told)
        image = told["images"][0]
        raw = image["imageManifest"].encode()
        headers = [
            VERSION,
            ("Content-Type", image["imageManifestMediaType"]),
            ("Docker-Content-Digest", image["imageId"]["imageDigest"]),
        ]
        if request.method == "HEAD":
            return HttpResponse(200, [*headers, ("Content-Length", str(len(raw)))])
        return HttpResponse(200, headers, raw)

    def _refuse_failures(self, told: Mapping[str, Any]) -> None:
        for failure in told.get("failures") or ():
            if failure["failureCode"] == "ImageReferencedByManifestList":
                raise RegistryError(409, "DENIED", failure["failureReason"])
            raise RegistryError(404, "MANIFEST_UNKNOWN", failure["failureReason"])

    async def _put_manifest(
        self, request: HttpRequest, context: CallContext, name: str, reference: str
    ) -> HttpResponse:
        try:
            raw = await request.body.read(MANIFEST_BYTES_MAX)
            text = raw.decode()
        except (ValueError, UnicodeDecodeError) as error:
            raise RegistryError(400, "MANIFEST_INVALID", str(error)) from error
        given = {"repositoryName": name, "imageManifest": text}
        given["imageDigest" if ":" in reference else "imageTag"] = reference
        media_type = request.headers.get("content-type", "").partition(";")[0].strip()
        if media_type:
            given["imageManifestMediaType"] = media_type
        digest = ""
        try:
            reply = await self._invoke(context, "ecr", "PutImage", given, None)
            digest = reply.output["image"]["imageId"]["imageDigest"]
        except ServiceError as error:
            if error.code != "ImageAlreadyExistsException":
                raise
            held = {"repositoryName": name, "imageIds": [{"imageTag": reference}]}
            if ":" in reference:
                digest = reference
            else:
                told = (await self._invoke(context, "ecr", "DescribeImages", held, None)).output
                digest = told["imageDetails"][0]["imageDigest"]
        headers = [
            VERSION,
            ("Location", f"{PATH}{name}/manifests/{quote(reference)}"),
            ("Docker-Content-Digest", digest),
        ]
        return HttpResponse(201, headers)

    # -- lists --------------------------------------------------------------------------------

    async def _tags(
        self, request: HttpRequest, context: CallContext, name: str, query: Mapping[str, str]
    ) -> HttpResponse:
        given = {"repositoryName": name, "filter": {"tagStatus": "TAGGED"}}
        found = await self._all(context, "ListImages", "imageIds", given)
        tags, link = _page(sorted(entry["imageTag"] for entry in found), request, query)
        return _json({"name": name, "tags": tags}, link)

    async def _catalogue(
        self, request: HttpRequest, context: CallContext, query: Mapping[str, str]
    ) -> HttpResponse:
        found = await self._all(context, "DescribeRepositories", "repositories", {})
        names, link = _page(sorted(each["repositoryName"] for each in found), request, query)
        return _json({"repositories": names}, link)

    async def _all(
        self, context: CallContext, operation: str, member: str, given: Mapping[str, Any]
    ) -> list[Any]:
        found: list[Any] = []
        token = ""
        while True:
            page = {**given, "maxResults": _PAGE, **({"nextToken": token} if token else {})}
            told = (await self._invoke(context, "ecr", operation, page, None)).output
            found += told[member]
            token = told.get("nextToken", "")
            if not token:
                return found


def _page(
    names: list[str], request: HttpRequest, query: Mapping[str, str]
) -> tuple[list[str], str]:
    """The names after ``last``, at most ``n``; and the address of what follows."""
    names = [name for name in names if name > query.get("last", "")]
    count = query.get("n", "")
    if not count:
        return names, ""
    if not count.isdecimal():
        raise RegistryError(400, "PAGINATION_NUMBER_INVALID", f"{count!r} is no number")
    part = names[: int(count)]
    if not part or len(part) == len(names):
        return part, ""
    return part, f'<{request.path}?n={count}&last={quote(part[-1])}>; rel="next"'


def _json(document: Mapping[str, Any], link: str) -> HttpResponse:
    headers = [VERSION, ("Content-Type", "application/json")]
    if link:
        headers.append(("Link", link))
    return HttpResponse(200, headers, orjson.dumps(document))
