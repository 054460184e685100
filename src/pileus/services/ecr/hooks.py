"""Timed work of this room; each runs as a write in the room's space."""

from __future__ import annotations

from typing import Any

from pileus.compute.images import catalogue
from pileus.compute.images.image_store import UPLOAD_KEPT_MS
from pileus.kernel.calls import WriteCall
from pileus.kernel.deliveries import Timer
from pileus.services.ecr import lifecycle, store

EVALUATE_EVERY_MS = 24 * 3600 * 1000
"""https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html: within 24 hours."""


def expire_uploads(call: WriteCall, payload: dict[str, Any]) -> None:
    """Give up uploads nobody adds to, and layers no image names; their blobs go at the next change
    or start."""
    before_ms = call.now_ms - UPLOAD_KEPT_MS
    left = 0
    for upload in catalogue.uploads(call.state):
        if upload.touched_ms <= before_ms:
            catalogue.remove_upload(call.state, upload)
        else:
            left += 1
    for digest, repository in catalogue.unused_layers(call.state, before_ms):
        catalogue.release_layer(call.state, repository, digest)
    if left:
        call.set_timer(Timer(name="expire_uploads", key="", at_ms=call.now_ms + UPLOAD_KEPT_MS))


def evaluate_lifecycle(call: WriteCall, payload: dict[str, Any]) -> None:
    """Apply a repository's lifecycle policy; runs again by itself while there is one."""
    raw = call.state.get(("repository", payload["repository"]))
    if raw is None:
        return
    repository = store.REPOSITORIES.decode(raw)
    if not repository.lifecycle_policy:
        return
    rules = lifecycle.parse(repository.lifecycle_policy)
    images = lifecycle.candidates(call.state, repository.name)
    for digest, _ in lifecycle.expired(rules, images, call.now_ms):
        catalogue.remove_image(call.state, repository.name, digest)
    repository.evaluated_ms = call.now_ms
    store.put_repository(call.state, repository)
    lifecycle.schedule(call, repository.name, call.now_ms + EVALUATE_EVERY_MS)
