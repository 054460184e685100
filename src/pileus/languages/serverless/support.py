"""What of a service a platform can run, asked before anything is packed or made.

The translation knows more than any one platform has; what it would translate in vain is refused
here, by the name of the function and with what there is instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pileus.languages.serverless.reading import Reading

_PART_OF_S3 = "rules"
"""A list entry that is only this belongs to the s3 event before it (``events.add_events``)."""


@dataclass(frozen=True, slots=True)
class Support:
    """What a platform has.

    Attributes:
        events: kinds of events, as serverless.yml spells them.
        runtimes: beginnings of the runtimes it runs (``python3.``).
        runtimes_told: the same for people.
        absent: settings of a function that it cannot honour, with what they would need.
    """

    events: tuple[str, ...]
    runtimes: tuple[str, ...]
    runtimes_told: str
    absent: Mapping[str, str]


def check_support(root: Reading, functions: Mapping[str, Reading], support: Support) -> None:
    """Refuse what the platform lacks.

    Raises:
        ServiceFileError: an event, a runtime or a setting that is not there.
    """
    for name, function in functions.items():
        _check_settings(function, support)
        if not function["image"]:
            runtime = function["runtime"] or root["provider"]["runtime"]
            _check_runtime(name, runtime, support)
        for entry in function["events"].entries():
            _check_event(name, entry, support)


def _check_settings(function: Reading, support: Support) -> None:
    for setting, needed in support.absent.items():
        if function[setting] and function[setting].value is not False:
            raise function[setting].error(f"Pileus has no {needed} yet; remove it to deploy")


def _check_runtime(name: str, runtime: Reading, support: Support) -> None:
    if isinstance(runtime.value, str) and not runtime.value.startswith(support.runtimes):
        raise runtime.error(
            f"Pileus does not run {runtime.value} (function {name}) yet; "
            f"it runs {support.runtimes_told}"
        )


def _check_event(name: str, entry: Reading, support: Support) -> None:
    body = entry.value
    if not isinstance(body, dict) or len(body) != 1:
        return  # the translation says what is wrong with it
    kind = next(iter(body))
    there = ", ".join(support.events)
    if kind not in (*support.events, _PART_OF_S3):
        raise entry.error(f"Pileus has no {kind} events (function {name}) yet; it has {there}")
    settings = body[kind]
    if kind == "schedule" and isinstance(settings, dict) and settings.get("method") == "scheduler":
        raise entry.error(
            f"Pileus has no EventBridge Scheduler (function {name}) yet; "
            "leave method: scheduler out for a rule of the event bus"
        )
