"""Clusters. https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateCluster.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.kernel.operations import read, write
from pileus.services.ecs import errors, model, paging, store, telling
from pileus.services.ecs.model import Cluster
from pileus.services.ecs.names import short_name

_ALL = ["TAGS", "SETTINGS", "CONFIGURATIONS"]
_NAME_MAX = 255


@write
def create_cluster(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Make a cluster; one that is there already is told as it is."""
    name = request.get("clusterName") or store.DEFAULT_CLUSTER
    if len(name) > _NAME_MAX or not name.replace("-", "").replace("_", "").isalnum():
        raise errors.invalid("Cluster name is invalid.")
    cluster = store.get_cluster(call, name)
    if cluster is None or cluster.status != model.ACTIVE:
        cluster = Cluster(
            name=name,
            capacity_providers=list(request.get("capacityProviders") or ()),
            strategy=list(request.get("defaultCapacityProviderStrategy") or ()),
            kept=_kept(request),
            tags=store.tags_of(request.get("tags")),
        )
        store.put_cluster(call, cluster)
    return {"cluster": telling.cluster(call, cluster, _ALL)}


def _kept(request: Mapping[str, Any]) -> dict[str, Any]:
    members = ("settings", "configuration", "serviceConnectDefaults")
    return {member: request[member] for member in members if request.get(member)}


@read
def describe_clusters(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Clusters by name or ARN; the default one where none is named."""
    include = request.get("include") or []
    clusters, failures = [], []
    for name in request.get("clusters") or [store.DEFAULT_CLUSTER]:
        cluster = store.get_cluster(call, name)
        if cluster is None:
            arn = store.arn(call, "cluster", short_name(name))
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            clusters.append(telling.cluster(call, cluster, include))
    return {"clusters": clusters, "failures": failures}


@read
def list_clusters(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """ARNs of the active clusters."""
    arns = [
        store.arn(call, "cluster", cluster.name)
        for cluster in store.clusters(call)
        if cluster.status == model.ACTIVE
    ]
    return paging.page("clusterArns", arns, request)


@write
def update_cluster(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Change what is kept of a cluster."""
    cluster = store.find_cluster(call, request["cluster"])
    cluster.kept = {**cluster.kept, **_kept(request)}
    store.put_cluster(call, cluster)
    return {"cluster": telling.cluster(call, cluster, _ALL)}


@write
def update_cluster_settings(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Change a cluster's settings."""
    cluster = store.find_cluster(call, request["cluster"])
    cluster.kept = {**cluster.kept, "settings": request["settings"]}
    store.put_cluster(call, cluster)
    return {"cluster": telling.cluster(call, cluster, _ALL)}


@write
def put_cluster_capacity_providers(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Name the capacity providers of a cluster; they are kept, one node serves all."""
    cluster = store.find_cluster(call, request["cluster"])
    cluster.capacity_providers = list(request["capacityProviders"])
    cluster.strategy = list(request["defaultCapacityProviderStrategy"])
    store.put_cluster(call, cluster)
    return {"cluster": telling.cluster(call, cluster, _ALL)}


@write
def delete_cluster(call: WriteCall, request: Mapping[str, Any]) -> dict[str, Any]:
    """Make an empty cluster inactive."""
    cluster = store.find_cluster(call, request["cluster"])
    services = store.services(call, cluster.name)
    if any(one.status == model.ACTIVE for one in services):
        raise errors.cluster_has_services()
    if any(task.status != model.STOPPED for task in store.tasks(call, cluster.name)):
        raise errors.cluster_has_tasks()
    cluster.status = model.INACTIVE
    store.put_cluster(call, cluster)
    return {"cluster": telling.cluster(call, cluster, _ALL)}
