"""Rules that fire by the clock: one durable timer each."""

from __future__ import annotations

from pileus.kernel.calls import WriteCall
from pileus.kernel.deliveries import Timer
from pileus.languages.schedule import parse_schedule
from pileus.services.events import routing, store
from pileus.services.events.model import Rule, rule_arn
from pileus.values.times import iso8601

TIMER = "fire_rule"


def rearm(call: WriteCall, rule: Rule) -> None:
    """Set the timer for the rule's next time; takes it away where there is none."""
    key = f"{rule.bus}/{rule.name}"
    call.cancel_timer(TIMER, key)
    if not (rule.schedule and rule.is_enabled):
        return
    at_ms = parse_schedule(rule.schedule).next_after(call.now_ms, anchor_ms=rule.created_ms)
    if at_ms is not None:
        payload = {"bus": rule.bus, "rule": rule.name, "due_ms": at_ms}
        call.set_timer(Timer(name=TIMER, key=key, at_ms=at_ms, payload=payload))


def fire(call: WriteCall, bus: str, name: str, due_ms: int) -> None:
    """Send the ``Scheduled Event`` to the rule's targets and wait for the next time.

    Times that passed while the platform was down are made up for by one event, not by many.
    """
    raw = call.state.get(("rule", bus, name))
    if raw is None:
        return
    rule = store.RULES.decode(raw)
    if not (rule.schedule and rule.is_enabled):
        return
    event = {
        "version": "0",
        "id": call.new_id(),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": call.account,
        "time": iso8601(due_ms, millis=False),
        "region": call.region,
        "resources": [rule_arn(call.region, call.account, rule)],
        "detail": {},
    }
    routing.send_to_targets(call, rule, event)
    rearm(call, rule)
