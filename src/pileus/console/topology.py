"""The app's map: nodes and links out of what the rooms told. Pure; the page does the layout."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from pileus.console.inventory import Inventory
from pileus.console.places import SMS_IN, SMS_OUT, normal_place, place_of_source

_EVENT_TARGETS = (
    ("LambdaFunctionConfigurations", "LambdaFunctionArn"),
    ("QueueConfigurations", "QueueArn"),
    ("TopicConfigurations", "TopicArn"),
)
_DEPLOYMENT_BUCKET = "ServerlessDeploymentBucket"
_DEFAULT_BUS = "default"


class Topology:
    """Nodes by place and the links between them, in the order they were found."""

    def __init__(self) -> None:
        self.nodes: dict[str, dict[str, Any]] = {}
        self.links: dict[tuple[str, str], dict[str, Any]] = {}

    def add_node(self, place: str, kind: str, name: str, **more: Any) -> None:
        """A thing on the map. ``kind`` decides its sign and colour on the page."""
        self.nodes[place] = {"id": place, "kind": kind, "name": name, **more}

    def add_link(self, origin: str, target: str, how: str, label: str = "") -> None:
        """A way events or calls take; the first way found between two nodes names it.

        Args:
            how: ``event``, ``destination``, ``failure``, ``target``, ``poll``, ``uses`` (read out
                of the function's environment) or ``seen`` (observed, not declared).
        """
        # What a function reads of the bucket that woke it would only double the declared link.
        is_echo = how in ("uses", "seen") and (target, origin) in self.links
        if origin in self.nodes and target in self.nodes and origin != target and not is_echo:
            link = {"from": origin, "to": target, "how": how, "label": label}
            self.links.setdefault((origin, target), link)

    def message(self) -> dict[str, Any]:
        """The ``resources`` message."""
        return {"nodes": list(self.nodes.values()), "links": list(self.links.values())}

    def trail(self, room: str, target: str) -> list[tuple[str, str]]:
        """The hops by which ``room`` reached ``target``; none when more than one way is declared.

        A rule that fired was reached from its bus: that hop comes first.
        """
        prefix = f"arn:aws:{room}:"
        found = [
            origin for origin, end in self.links if end == target and origin.startswith(prefix)
        ]
        if len(found) != 1:
            return []
        before = [
            hop for hop in self.links if hop[1] == found[0] and self.nodes[hop[0]]["kind"] == "bus"
        ]
        return [*before, (found[0], target)]


def build_topology(
    inventory: Inventory,
    sources: Iterable[str],
    observed: Iterable[tuple[str, str]],
) -> Topology:
    """Lay declared resources, live sources and observed traffic into one map.

    Args:
        sources: names of the media sources that were seen.
        observed: pairs of places between which something was seen to pass.
    """
    topology = Topology()
    owner = {normal_place(arn): known for arn, known in inventory.stack_resources.items()}
    _add_nodes(topology, inventory)
    for node in topology.nodes.values():
        known = owner.get(node["id"]) or owner.get(node["name"]) or owner.get(node.get("url", ""))
        if known:
            node["stack"], node["logical_id"] = known[0], known[1]
    _drop_deployment_bucket(topology)
    for source in sources:
        topology.add_node(place_of_source(source), "source", source)
    pairs = sorted(observed)
    _add_phone(topology, inventory, is_answered=any(target == SMS_OUT for _, target in pairs))
    _add_bucket_links(topology, inventory)
    _add_rule_links(topology, inventory)
    _add_function_links(topology, inventory)
    for subscription in inventory.subscriptions:
        endpoint = normal_place(str(subscription.get("Endpoint") or ""))
        topology.add_link(subscription["TopicArn"], endpoint, "event")
    for origin, target in pairs:
        is_media = origin.startswith("source:")
        topology.add_link(origin, target, "event" if is_media else "seen", "segments" * is_media)
    return topology


def _add_nodes(topology: Topology, inventory: Inventory) -> None:
    for function in inventory.functions:
        detail = f"{function.get('Runtime') or 'image'} · {function.get('MemorySize', 128)} MB"
        name = function["FunctionName"]
        topology.add_node(normal_place(function["FunctionArn"]), "function", name, detail=detail)
    for bucket in inventory.buckets:
        topology.add_node(f"arn:aws:s3:::{bucket['Name']}", "bucket", bucket["Name"])
    region, account = inventory.region, inventory.account
    for url in inventory.queue_urls:
        name = url.rsplit("/", 1)[-1]
        topology.add_node(f"arn:aws:sqs:{region}:{account}:{name}", "queue", name, url=url)
    for topic in inventory.topics:
        topology.add_node(topic["TopicArn"], "topic", topic["TopicArn"].rsplit(":", 1)[-1])
    for table in inventory.tables:
        topology.add_node(f"arn:aws:dynamodb:{region}:{account}:table/{table}", "table", table)
    for bus in inventory.buses:
        is_used = any(
            rule.get("EventBusName", _DEFAULT_BUS) == bus["Name"] for rule in inventory.rules
        )
        if is_used or bus["Name"] != _DEFAULT_BUS:
            topology.add_node(bus["Arn"], "bus", bus["Name"])
    for rule in inventory.rules:
        detail = rule.get("ScheduleExpression") or _pattern_summary(rule.get("EventPattern") or "")
        kind = "schedule" if rule.get("ScheduleExpression") else "rule"
        is_off = rule.get("State") == "DISABLED"
        topology.add_node(rule["Arn"], kind, rule["Name"], detail=detail, off=is_off)
    for endpoint in inventory.endpoints:
        status = endpoint.get("EndpointStatus") or ""
        place = endpoint["EndpointArn"]
        topology.add_node(place, "endpoint", endpoint["EndpointName"], detail=status)


def _add_phone(topology: Topology, inventory: Inventory, *, is_answered: bool) -> None:
    """The phone stands at both ends: texts come from the left and go out at the right."""
    for number in inventory.phone_numbers:
        if number.get("TwoWayEnabled") and number.get("TwoWayChannelArn"):
            topology.add_node(SMS_IN, "phone", "Phone", detail=f"to {number['PhoneNumber']}")
            topology.add_link(SMS_IN, number["TwoWayChannelArn"], "event")
    if is_answered:
        topology.add_node(SMS_OUT, "phone", "Phone", detail="replies")


def _drop_deployment_bucket(topology: Topology) -> None:
    for place, node in list(topology.nodes.items()):
        if node.get("logical_id") == _DEPLOYMENT_BUCKET:
            del topology.nodes[place]


def _add_bucket_links(topology: Topology, inventory: Inventory) -> None:
    for bucket, events in inventory.bucket_events.items():
        place = f"arn:aws:s3:::{bucket}"
        for list_name, arn_name in _EVENT_TARGETS:
            for entry in events.get(list_name) or []:
                label = _filter_summary(entry)
                topology.add_link(place, normal_place(entry[arn_name]), "event", label)
        if events.get("EventBridgeConfiguration") is not None:
            for bus in inventory.buses:
                if bus["Name"] == _DEFAULT_BUS:
                    topology.add_link(place, bus["Arn"], "event")


def _filter_summary(entry: Mapping[str, Any]) -> str:
    rules = ((entry.get("Filter") or {}).get("Key") or {}).get("FilterRules") or []
    told = {str(rule.get("Name", "")).lower(): str(rule.get("Value", "")) for rule in rules}
    if not told:
        return ""
    return f"{told.get('prefix', '')}*{told.get('suffix', '')}"


def _add_rule_links(topology: Topology, inventory: Inventory) -> None:
    bus_arns = {bus["Name"]: bus["Arn"] for bus in inventory.buses}
    for rule in inventory.rules:
        bus_name = rule.get("EventBusName", _DEFAULT_BUS)
        if rule.get("EventPattern"):
            bus = bus_name if bus_name.startswith("arn:") else bus_arns.get(bus_name, "")
            topology.add_link(bus, rule["Arn"], "event")
        for target in inventory.targets.get(rule["Arn"]) or []:
            topology.add_link(rule["Arn"], normal_place(target["Arn"]), "target")
            dead_letters = (target.get("DeadLetterConfig") or {}).get("Arn")
            if dead_letters:
                topology.add_link(rule["Arn"], normal_place(dead_letters), "failure")


def _add_function_links(topology: Topology, inventory: Inventory) -> None:
    for mapping in inventory.event_sources:
        origin = _origin(topology, mapping)
        topology.add_link(origin, normal_place(mapping["FunctionArn"]), "poll")
    names = {node["name"]: place for place, node in topology.nodes.items() if node["kind"] != "bus"}
    for function in inventory.functions:
        place = normal_place(function["FunctionArn"])
        for config in inventory.invoke_configs.get(function["FunctionName"]) or []:
            destinations = config.get("DestinationConfig") or {}
            for outcome, how in (("OnSuccess", "destination"), ("OnFailure", "failure")):
                arn = (destinations.get(outcome) or {}).get("Destination")
                if arn:
                    topology.add_link(place, _destination(topology, arn), how)
        dead_letters = (function.get("DeadLetterConfig") or {}).get("TargetArn")
        if dead_letters:
            topology.add_link(place, normal_place(dead_letters), "failure")
        for value in ((function.get("Environment") or {}).get("Variables") or {}).values():
            used = value if value in topology.nodes else names.get(value, "")
            if used:
                topology.add_link(place, used, "uses")


def _origin(topology: Topology, mapping: Mapping[str, Any]) -> str:
    """What a mapping polls; topics of clusters that are not ours come onto the map with it."""
    if mapping.get("EventSourceArn"):
        return normal_place(mapping["EventSourceArn"])
    servers = mapping["SelfManagedEventSource"]["Endpoints"]["KAFKA_BOOTSTRAP_SERVERS"]
    (topic,) = mapping["Topics"]
    place = f"kafka:{','.join(sorted(servers))}/{topic}"
    topology.add_node(place, "topic", topic, detail="Kafka")
    return place


def _destination(topology: Topology, arn: str) -> str:
    """``arn:aws:events:::event-bus/default``, as people write it, lacks region and account."""
    place = normal_place(arn)
    if place in topology.nodes or ":event-bus/" not in place:
        return place
    ending = place.rsplit(":", 1)[1]
    return next((known for known in topology.nodes if known.endswith(f":{ending}")), place)


def _pattern_summary(pattern: str) -> str:
    """What an event pattern asks for, in a few words: its deepest conditions tell the most."""
    if not pattern:
        return ""
    leaves: list[tuple[int, str]] = []

    def walk(value: Any, name: str, depth: int) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, key, depth + 1)
        elif isinstance(value, list):
            texts = [
                item if isinstance(item, str) else orjson.dumps(item).decode() for item in value
            ]
            leaves.append((depth, f"{name}: {' | '.join(texts)}"))

    walk(orjson.loads(pattern), "", 0)
    deepest = max((depth for depth, _ in leaves), default=0)
    return ", ".join(text for depth, text in leaves if depth == deepest)
