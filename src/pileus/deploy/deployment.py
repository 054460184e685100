"""A serverless.yml onto a platform: packages, deployment bucket, change set, and what it left."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pileus.deploy import environments
from pileus.deploy.api import Time
from pileus.deploy.buckets import delete_objects, exists, upload
from pileus.deploy.errors import DeployError, PackageTooLarge
from pileus.deploy.image_building import Workshop
from pileus.deploy.local_code import LocalCode, pack_local_code
from pileus.deploy.packaging import UNZIPPED_BYTES_MAX, Package, has_module, pack
from pileus.deploy.progress import Progress
from pileus.deploy.requirement_layers import Layers, RequirementLayer, attach, make_layers
from pileus.deploy.service_folder import FILE_NAMES, ServiceFolder
from pileus.deploy.service_images import build_own, looked_up, repository_of
from pileus.deploy.stacks import StackChange, StackOutcome, Stacks
from pileus.deploy.support import SUPPORT
from pileus.languages.serverless import Translation
from pileus.languages.serverless.build import BUCKET_ID
from pileus.languages.serverless.names import lambda_id

_RECORD = "pileus-deployment.json"
_TEMPLATE = "compiled-cloudformation-template.json"
_RESTING = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE"})


@dataclass(frozen=True, slots=True)
class Deployed:
    """What a deployment came to.

    Attributes:
        what: ``created``, ``updated`` or ``unchanged``.
        functions: deployed names by the file's own names.
        outputs: the stack's outputs.
    """

    what: str
    stack: str
    stage: str
    account: str
    region: str
    functions: Mapping[str, str]
    outputs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Bundle:
    """Everything that is to be uploaded, under keys that name the content."""

    packages: Mapping[str, Package]
    layers: Layers
    base: str
    images: Mapping[str, str]
    local: LocalCode

    def keys(self) -> dict[str, Package]:
        """Package by object key."""
        every = [*self.packages.values(), *(one.package for one in self.layers.made)]
        every += self.local.packages.values()
        return {self.key(package): package for package in every}

    def key(self, package: Package) -> str:
        stem = package.name.removesuffix(".zip")
        return f"{self.base}/code/{package.digest[:32]}/{stem}.zip"


class ServiceDeployment:
    """Deploys one service to one stage.

    Args:
        cache_dir: where installed requirements are kept.
        workshop: gives what builds images; None where none can be built.
    """

    def __init__(
        self,
        folder: ServiceFolder,
        time: Time,
        cache_dir: Path,
        progress: Progress,
        workshop: Callable[[], Workshop] | None = None,
    ) -> None:
        self._workshop = workshop
        self._folder = folder
        self._time = time
        self._cache_dir = cache_dir
        self._progress = progress
        self._stacks = Stacks(folder.api, time)

    def run(self, *, is_forced: bool = False) -> Deployed:
        """Deploy.

        Args:
            is_forced: also when nothing changed since the last time.

        Raises:
            ServiceFileError, DeployError, StackFailed, PlatformUnreachable: as they are named.
        """
        self._folder.service.check(self._folder.options, SUPPORT)
        plan = self._folder.service.to_template(self._folder.options)
        for warning in plan.warnings:
            self._progress.warn(warning)
        stack = self._stacks.describe(plan.stack.name)
        with tempfile.TemporaryDirectory(prefix="pileus-package-") as scratch:
            bundle = self._pack(plan, Path(scratch))
            fingerprint = self._fingerprint(bundle)
            record = self._record(plan, bundle.base) if stack else {}
            is_resting = stack is not None and stack["StackStatus"] in _RESTING
            if is_resting and record.get("fingerprint") == fingerprint and not is_forced:
                outcome = StackOutcome("unchanged", "", self._stacks.outputs(plan.stack.name))
            else:
                outcome = self._deploy(plan, bundle, is_new=stack is None)
                self._remember(plan, bundle, fingerprint, record)
        environments.register(self._folder.api, self._folder.environment)
        return Deployed(
            what=outcome.what,
            stack=plan.stack.name,
            stage=plan.stage,
            account=self._folder.environment.account,
            region=plan.region,
            functions=plan.functions,
            outputs=outcome.outputs,
        )

    def _pack(self, plan: Translation, scratch: Path) -> _Bundle:
        packages = {}
        for artifact in plan.plan.artifacts:
            self._progress.step(f"Packing {artifact.name}")
            packages[artifact.name] = pack(artifact, self._folder.folder, scratch)
        layers = make_layers(
            self._folder.folder,
            self._folder.root(),
            plan.plan.requirements,
            _runtimes(plan),
            self._cache_dir,
            self._progress,
        )
        _check_sizes(plan, packages, layers.made)
        _check_handlers(plan, packages, layers.made)
        local = pack_local_code(
            plan.template, self._folder.folder, scratch / "resources", FILE_NAMES
        )
        return _Bundle(
            packages, layers, plan.plan.folder.rsplit("/", 1)[0], self._settle_images(plan), local
        )

    def _settle_images(self, plan: Translation) -> dict[str, str]:
        """Addresses with digests of the images that functions run."""
        api = self._folder.api
        settled = {}
        for image in plan.plan.images:
            if image.uri:
                settled[image.key] = looked_up(api, image.uri)
                continue
            if self._workshop is None:
                raise DeployError(f"provider.ecr.images.{image.key}: images cannot be built here")
            self._progress.step(f"Building image {image.key}")
            repository = repository_of(plan.service, plan.stage)
            settled[image.key] = build_own(
                api, image, self._folder.folder, repository, self._workshop()
            )
        return settled

    def _template(self, bundle: _Bundle, at_ms: int) -> str:
        """The whole template as text, its code under keys that name the content."""
        hashes = {name: package.sha256 for name, package in bundle.packages.items()}
        translation = self._folder.service.to_template(
            self._folder.options, hashes, at_ms, bundle.images
        )
        own = {
            artifact.key: bundle.key(bundle.packages[artifact.name])
            for artifact in translation.plan.artifacts
        }
        template = _replaced(translation.template, own)
        keys = {name: bundle.key(package) for name, package in bundle.local.packages.items()}
        bucket = translation.initial["Outputs"][f"{BUCKET_ID}Name"]["Value"]
        template = bundle.local.placed(template, bucket, keys)
        layer_keys = {one.logical_id: bundle.key(one.package) for one in bundle.layers.made}
        return attach(template, bundle.layers, layer_keys)

    def _fingerprint(self, bundle: _Bundle) -> str:
        """Equal when a deployment would change nothing: without times, with all settings."""
        settings = self._folder.service.to_template(self._folder.options).stack
        parts = [self._template(bundle, 0), dict(settings.tags), dict(settings.parameters)]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def _deploy(self, plan: Translation, bundle: _Bundle, *, is_new: bool) -> StackOutcome:
        own_bucket = BUCKET_ID in plan.initial["Resources"]
        if is_new and own_bucket:
            self._progress.step(f"Making stack {plan.stack.name} with its deployment bucket")
            self._change(plan, json.dumps(plan.initial))
        bucket = self._bucket(plan)
        if bucket is None:
            raise DeployError(
                f"stack {plan.stack.name} has no deployment bucket; remove it (pileus remove) "
                "and deploy again"
            )
        api = self._folder.api
        for key, package in bundle.keys().items():
            if not exists(api, bucket, key):
                self._progress.step(f"Uploading {package.name} ({_size(package.size_bytes)})")
                upload(api, bucket, key, package.path)
        text = self._template(bundle, self._time.now_ms())
        key = f"{bundle.base}/{_TEMPLATE}"
        api.call("s3", "PutObject", Bucket=bucket, Key=key, Body=text.encode())
        self._progress.step(f"Changing stack {plan.stack.name}")
        outcome = self._change(plan, url=f"{api.endpoint}/{bucket}/{key}")
        if is_new:
            return replace(outcome, what="created")
        return outcome

    def _change(
        self, plan: Translation, body: str | None = None, url: str | None = None
    ) -> StackOutcome:
        change = StackChange(
            name=plan.stack.name,
            body=body,
            url=url,
            parameters=plan.stack.parameters if url else {},
            tags=plan.stack.tags,
            notification_arns=plan.stack.notification_arns,
        )
        return self._stacks.change(change, self._progress.resource)

    def _bucket(self, plan: Translation) -> str | None:
        output = plan.initial["Outputs"][f"{BUCKET_ID}Name"]["Value"]
        if isinstance(output, str):
            return output
        return self._stacks.physical_id(plan.stack.name, BUCKET_ID)

    def _record(self, plan: Translation, base: str) -> dict[str, Any]:
        """What the last deployment left; empty when there was none."""
        bucket = self._bucket(plan)
        key = f"{base}/{_RECORD}"
        if bucket is None or not exists(self._folder.api, bucket, key):
            return {}
        body = self._folder.api.call("s3", "GetObject", Bucket=bucket, Key=key)["Body"]
        record: dict[str, Any] = json.loads(body.read())
        return record

    def _remember(
        self, plan: Translation, bundle: _Bundle, fingerprint: str, before: Mapping[str, Any]
    ) -> None:
        """Note what was deployed; drop code that neither this deployment nor the last one uses."""
        bucket = self._bucket(plan)
        assert bucket is not None
        keys = sorted(bundle.keys())
        record = {"fingerprint": fingerprint, "keys": keys}
        api, name = self._folder.api, f"{bundle.base}/{_RECORD}"
        body = json.dumps(record).encode()
        api.call("s3", "PutObject", Bucket=bucket, Key=name, Body=body)
        kept = {*keys, *before.get("keys", ())}
        prefix = f"{bundle.base}/code/"
        present = api.each("s3", "ListObjectsV2", "Contents", Bucket=bucket, Prefix=prefix)
        old = [found["Key"] for found in present if found["Key"] not in kept]
        delete_objects(api, bucket, ({"Key": key} for key in old))


def _runtimes(plan: Translation) -> dict[str, str]:
    resources = plan.template["Resources"]
    return {
        name: resources[lambda_id(name)]["Properties"]["Runtime"]
        for name in plan.functions
        if plan.plan.of_function(name) is not None
    }


def _replaced(value: Any, texts: Mapping[str, str]) -> Any:
    """A copy of ``value`` with every text that is a key of ``texts`` replaced."""
    if isinstance(value, dict):
        return {key: _replaced(item, texts) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, texts) for item in value]
    return texts.get(value, value) if isinstance(value, str) else value


def _check_sizes(
    plan: Translation, packages: Mapping[str, Package], layers: Iterable[RequirementLayer]
) -> None:
    for one in layers:
        for name in one.functions:
            artifact = plan.plan.of_function(name)
            code = packages[artifact.name].unzipped_bytes if artifact else 0
            total = code + one.package.unzipped_bytes
            if total >= UNZIPPED_BYTES_MAX:
                raise PackageTooLarge(
                    f"functions.{name}: code and requirements are {_size(total)} unzipped, and "
                    f"AWS runs at most {_size(UNZIPPED_BYTES_MAX)}; leave files out with "
                    "package.patterns, or set custom.pileus.requirements: host"
                )


def _check_handlers(
    plan: Translation, packages: Mapping[str, Package], layers: Iterable[RequirementLayer]
) -> None:
    """Refuse a Python handler whose module is in no package; further layers may hold it."""
    own_layers = {name: one.package.names for one in layers for name in one.functions}
    for name, runtime in _runtimes(plan).items():
        properties = plan.template["Resources"][lambda_id(name)]["Properties"]
        artifact = plan.plan.of_function(name)
        if not runtime.startswith("python") or artifact is None or properties.get("Layers"):
            continue
        module = properties["Handler"].rpartition(".")[0].replace(".", "/")
        names = packages[artifact.name].names
        in_layer = own_layers.get(name, frozenset())
        if not has_module(names, module) and not has_module(in_layer, f"python/{module}"):
            raise DeployError(
                f"functions.{name}.handler: {properties['Handler']}: the package has no "
                f"{module}.py; check the handler's name and package.patterns"
            )


def _size(size_bytes: int) -> str:
    if size_bytes < 1e6:
        return f"{size_bytes / 1e3:.1f} kB"
    return f"{size_bytes / 1e6:.1f} MB"
