"""Configurations of which a bucket may have many, each with an id: kept and shown, without effect.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketMetricsConfiguration.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.kernel.operations import OperationCode, Reply
from pileus.services.s3 import errors, store
from pileus.services.s3.limits import LIMITS
from pileus.services.s3.paging import name_of, token_after

_PAGE = 100


@dataclass(frozen=True, slots=True)
class _Named:
    """One kind of them.

    Attributes:
        kind: begins their names in the store.
        member: of the Put operation's input and the Get operation's output.
        put_status: what S3 answers a Put with; None where the model says it.
    """

    kind: str
    member: str
    put_status: int | None = 204

    def put(self) -> OperationCode:
        """The Put operation."""

        def run(call: WriteCall, request: Mapping[str, Any]) -> Reply:
            bucket = store.bucket_of(call, request)
            place = self._place(request["Id"])
            is_new = store.config(call.state, bucket.name, place) is None
            if is_new and len(self._all(call, bucket.name)) >= LIMITS.named_configurations_max:
                raise errors.too_many_configurations()
            store.put_config(call.state, bucket.name, place, request[self.member])
            return Reply(status=self.put_status)

        return OperationCode("write", run)

    def get(self) -> OperationCode:
        """The Get operation."""

        def run(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
            return {self.member: self._one(call, request)}

        return OperationCode("read", run)

    def delete(self) -> OperationCode:
        """The Delete operation."""

        def run(call: WriteCall, request: Mapping[str, Any]) -> None:
            self._one(call, request)
            call.state.delete(("config", request["Bucket"], self._place(request["Id"])))

        return OperationCode("write", run)

    def listing(self) -> OperationCode:
        """The List operation, in order of id."""

        def run(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
            bucket = store.bucket_of(call, request)
            token = request.get("ContinuationToken")
            after = name_of(token) if token else ""
            found = [item for item in self._all(call, bucket.name) if item[0] > after]
            output: dict[str, Any] = {"IsTruncated": len(found) > _PAGE}
            if token:
                output["ContinuationToken"] = token
            if found:
                output[f"{self.member}List"] = [value for _, value in found[:_PAGE]]
            if len(found) > _PAGE:
                last = found[_PAGE - 1][0]
                output["NextContinuationToken"] = token_after(last)
            return output

        return OperationCode("read", run)

    def _place(self, name: str) -> str:
        return f"{self.kind}:{name}"

    def _one(self, call: ReadCall, request: Mapping[str, Any]) -> Any:
        bucket = store.bucket_of(call, request)
        value = store.config(call.state, bucket.name, self._place(request["Id"]))
        if value is None:
            raise errors.no_such_configuration()
        return value

    def _all(self, call: ReadCall, bucket: str) -> list[tuple[str, Any]]:
        start = self._place("")
        return [
            (kind.removeprefix(start), store.config(call.state, bucket, kind))
            for key, _ in call.state.range(("config", bucket))
            if (kind := str(key[2])).startswith(start)
        ]


_METRICS = _Named("metrics", "MetricsConfiguration")
put_bucket_metrics_configuration = _METRICS.put()
get_bucket_metrics_configuration = _METRICS.get()
delete_bucket_metrics_configuration = _METRICS.delete()
list_bucket_metrics_configurations = _METRICS.listing()

_ANALYTICS = _Named("analytics", "AnalyticsConfiguration")
put_bucket_analytics_configuration = _ANALYTICS.put()
get_bucket_analytics_configuration = _ANALYTICS.get()
delete_bucket_analytics_configuration = _ANALYTICS.delete()
list_bucket_analytics_configurations = _ANALYTICS.listing()

_INVENTORY = _Named("inventory", "InventoryConfiguration")
put_bucket_inventory_configuration = _INVENTORY.put()
get_bucket_inventory_configuration = _INVENTORY.get()
delete_bucket_inventory_configuration = _INVENTORY.delete()
list_bucket_inventory_configurations = _INVENTORY.listing()

_TIERING = _Named("tiering", "IntelligentTieringConfiguration", put_status=None)
put_bucket_intelligent_tiering_configuration = _TIERING.put()
get_bucket_intelligent_tiering_configuration = _TIERING.get()
delete_bucket_intelligent_tiering_configuration = _TIERING.delete()
list_bucket_intelligent_tiering_configurations = _TIERING.listing()
