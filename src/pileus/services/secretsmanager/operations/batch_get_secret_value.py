"""BatchGetSecretValue. https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, StreamCall
from pileus.kernel.operations import stream
from pileus.services.secretsmanager import access, errors, filters
from pileus.services.secretsmanager.limits import LIMITS
from pileus.values.body import Body
from pileus.values.errors import ServiceError


@stream
async def batch_get_secret_value(
    call: StreamCall, request: Mapping[str, Any], body: Body | None
) -> dict[str, Any]:
    """Current values by ids or by filters; what cannot be had is told beside them."""
    named, wanted = request.get("SecretIdList"), request.get("Filters")
    if bool(named) == bool(wanted):
        raise errors.nothing_to_fetch()

    def look(c: ReadCall) -> tuple[list[access.Accessed], dict[str, Any]]:
        ids, token = list(named or ()), ""
        if wanted:
            found = filters.ordered(filters.selected(c, wanted), None, None)
            page, token = filters.page(found, request, LIMITS.batch_page)
            ids = [each.name for each in page]
        accessed: list[access.Accessed] = []
        output: dict[str, Any] = {"SecretValues": [], "Errors": []}
        for secret_id in ids:
            try:
                record, entry = access.value_of(c, {"SecretId": secret_id})
            except ServiceError as error:
                told = {"ErrorCode": error.code, "Message": error.message}
                output["Errors"].append({"SecretId": secret_id, **told})
                continue
            accessed.append(record)
            output["SecretValues"].append(entry)
        if token:
            output["NextToken"] = token
        return accessed, output

    accessed, output = call.read(look)
    await access.note(call, accessed)
    return output
