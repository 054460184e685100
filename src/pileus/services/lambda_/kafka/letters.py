"""What the on-failure destination is told of records of a topic that were given up.

https://docs.aws.amazon.com/lambda/latest/dg/kafka-on-failure.html
"""

from __future__ import annotations

from typing import Any

import orjson

from pileus.kernel.calls import WriteCall
from pileus.services.lambda_.kafka.records import event_of
from pileus.services.lambda_.model import KafkaSource, Mapping
from pileus.services.lambda_.streams import letters
from pileus.services.lambda_.streams.model import Letter, Record
from pileus.values.times import iso8601

TOO_LARGE = "MaximumPayloadSizeExceeded"


def tell(call: WriteCall, mapping: Mapping, source: KafkaSource, letter: Letter, role: str) -> None:
    """Emit the record of a batch that failed to the mapping's destination, where it has one."""
    if not mapping.on_failure:
        return
    payload = orjson.dumps(event_of(source.servers, letter.records))
    by_place: dict[str, list[Record]] = {}
    for record in letter.records:
        by_place.setdefault(record.key, []).append(record)
    info: dict[str, Any] = {
        "batchSize": len(letter.records),
        "bootstrapServers": ",".join(source.servers),
        "payloadSize": len(payload),
        "recordsInfo": {name: _info(records) for name, records in by_place.items()},
    }
    document = letters.beginning(call, mapping, letter)
    if letter.condition == TOO_LARGE:
        document["responseContext"] = None
    document |= {"version": "1.0", "timestamp": iso8601(call.now_ms), "KafkaBatchInfo": info}
    letters.send(call, mapping, document, (next(iter(by_place)), payload.decode()), role)


def _info(records: list[Record]) -> dict[str, str]:
    first, last = records[0], records[-1]
    return {
        "firstRecordOffset": first.sequence,
        "lastRecordOffset": last.sequence,
        "firstRecordTimestamp": iso8601(max(first.at_ms, 0)),
        "lastRecordTimestamp": iso8601(max(last.at_ms, 0)),
    }
