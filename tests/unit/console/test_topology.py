"""The map out of what rooms told."""

from __future__ import annotations

from pileus.console.inventory import Inventory
from pileus.console.topology import build_topology

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"


def test_topic_of_a_foreign_cluster_stands_on_the_map() -> None:
    mapping = {
        "FunctionArn": FUNCTION,
        "Topics": ["orders"],
        "SelfManagedEventSource": {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["b:1", "a:1"]}},
    }
    functions = [{"FunctionName": "f", "FunctionArn": FUNCTION, "Runtime": "python3.12"}]
    inventory = Inventory(
        account="000000000000", region="us-east-1", functions=functions, event_sources=[mapping]
    )
    topology = build_topology(inventory, [], [])
    place = "kafka:a:1,b:1/orders"
    assert topology.nodes[place] == {
        "id": place, "kind": "topic", "name": "orders", "detail": "Kafka",
    }  # fmt: skip
    assert topology.links[place, FUNCTION]["how"] == "poll"
