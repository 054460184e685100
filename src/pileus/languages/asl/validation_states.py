"""Checks of a state: its fields, by its type and query language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pileus.languages.asl.choice import COMPARISONS, OPERATORS, TYPE_TESTS
from pileus.languages.asl.errors import ALL
from pileus.languages.asl.jsonata import is_expression
from pileus.languages.asl.states import parse_resource
from pileus.languages.asl.validation_values import SCHEMA, Findings

_ANY: Final = frozenset({"Type", "Comment", "QueryLanguage"})
_TRANSITION: Final = frozenset({"Next", "End"})
_IN_OUT: Final = frozenset({"InputPath", "OutputPath"})
_RESULT: Final = frozenset({"ResultSelector", "ResultPath", "Retry", "Catch"})
_FIELDS: Final[dict[str, frozenset[str]]] = {
    "Pass": _TRANSITION | _IN_OUT | {"Parameters", "Result", "ResultPath", "Assign", "Output"},
    "Task": _TRANSITION
    | _IN_OUT
    | _RESULT
    | {
        "Resource", "Parameters", "Arguments", "Assign", "Output", "Credentials", "TimeoutSeconds",
        "TimeoutSecondsPath", "HeartbeatSeconds", "HeartbeatSecondsPath",
    },
    "Choice": _IN_OUT | {"Choices", "Default", "Assign", "Output"},
    "Wait": _TRANSITION | _IN_OUT | {"Seconds", "SecondsPath", "Timestamp", "TimestampPath", "Assign", "Output"},
    "Succeed": _IN_OUT | {"Output"},
    "Fail": frozenset({"Error", "ErrorPath", "Cause", "CausePath"}),
    "Parallel": _TRANSITION | _IN_OUT | _RESULT | {"Branches", "Parameters", "Arguments", "Assign", "Output"},
    "Map": _TRANSITION
    | _IN_OUT
    | _RESULT
    | {
        "ItemProcessor", "Iterator", "ItemsPath", "Items", "ItemSelector", "Parameters", "ItemBatcher",
        "ItemReader", "ResultWriter", "MaxConcurrency", "MaxConcurrencyPath", "ToleratedFailureCount",
        "ToleratedFailureCountPath", "ToleratedFailurePercentage", "ToleratedFailurePercentagePath",
        "Label", "Assign", "Output",
    },
}  # fmt: skip
_REQUIRED: Final = {"Task": ["Resource"], "Choice": ["Choices"], "Parallel": ["Branches"]}
_JSONATA_ONLY: Final = frozenset({"Output", "Arguments", "Items"})
_JSONPATH_ONLY: Final = frozenset(
    {
        "InputPath", "OutputPath", "Parameters", "Result", "ResultPath", "ResultSelector", "ItemsPath",
        "SecondsPath", "TimestampPath", "TimeoutSecondsPath", "HeartbeatSecondsPath", "ErrorPath",
        "CausePath", "MaxConcurrencyPath", "ToleratedFailureCountPath", "ToleratedFailurePercentagePath",
    }
)  # fmt: skip
_PATHS: Final = (
    "SecondsPath", "TimestampPath", "TimeoutSecondsPath", "HeartbeatSecondsPath", "ItemsPath",
    "MaxConcurrencyPath", "ToleratedFailureCountPath", "ToleratedFailurePercentagePath",
)  # fmt: skip
_SECONDS: Final = (0, 99_999_999)
_NUMBERS: Final = {
    "Seconds": _SECONDS,
    "TimeoutSeconds": (1, 99_999_999),
    "HeartbeatSeconds": (1, 99_999_999),
    "MaxConcurrency": (0, float("inf")),
    "ToleratedFailureCount": (0, float("inf")),
    "ToleratedFailurePercentage": (0, 100),
}
_EXCLUSIVE: Final = (
    ("Seconds", "SecondsPath", "Timestamp", "TimestampPath"),
    ("TimeoutSeconds", "TimeoutSecondsPath"),
    ("HeartbeatSeconds", "HeartbeatSecondsPath"),
    ("MaxConcurrency", "MaxConcurrencyPath"),
    ("Error", "ErrorPath"),
    ("Cause", "CausePath"),
    ("ItemProcessor", "Iterator"),
    ("ItemSelector", "Parameters"),
)


class StateCheck:
    """Checks one state.

    Args:
        kind: of the state machine.
        is_jsonata: whether the machine as a whole is in JSONata.
    """

    def __init__(self, findings: Findings, kind: str, *, is_jsonata: bool) -> None:
        self._findings = findings
        self._kind = kind
        self._machine_is_jsonata = is_jsonata
        self._is_jsonata = is_jsonata

    def check(self, state: Mapping[str, Any], location: str) -> None:
        """Leave a finding for everything that is wrong with a state."""
        findings = self._findings
        self._language(state, location)
        if "Type" not in state:
            findings.add(SCHEMA, "These fields are required: [Type]", location)
            return
        kind = state["Type"]
        if kind not in _FIELDS:
            findings.choice(state, "Type", location, tuple(_FIELDS))
            return
        self._fields(state, kind, location)
        for field in _REQUIRED.get(kind, ()):
            if field not in state:
                findings.add(SCHEMA, f"These fields are required: [{field}]", location)
        self._transition(state, kind, location)
        self._values(state, kind, location)
        for at, each in enumerate(self._list(state, "Retry", location)):
            self._retrier(each, f"{location}/Retry[{at}]")
        for at, each in enumerate(self._list(state, "Catch", location)):
            self._catcher(each, f"{location}/Catch[{at}]")
        own = getattr(self, f"_{kind.lower()}", None)
        if own is not None:
            own(state, location)

    def _language(self, state: Mapping[str, Any], location: str) -> None:
        language = state.get("QueryLanguage")
        if language is None:
            return
        self._findings.choice(state, "QueryLanguage", location, ("JSONPath", "JSONata"))
        if language == "JSONPath" and self._machine_is_jsonata:
            self._findings.add(
                SCHEMA,
                "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine",
                location,
            )
        self._is_jsonata = language != "JSONPath"

    def _fields(self, state: Mapping[str, Any], kind: str, location: str) -> None:
        ours, others = ("JSONata", "JSONPath") if self._is_jsonata else ("JSONPath", "JSONata")
        foreign = _JSONPATH_ONLY if self._is_jsonata else _JSONATA_ONLY
        for field in state:
            if field not in _FIELDS[kind] | _ANY:
                self._findings.add(SCHEMA, f"Field '{field}' is not supported", location)
            elif field in foreign:
                self._findings.add(
                    SCHEMA,
                    f"The QueryLanguage is set to '{ours}', but field '{field}' is only supported for "
                    f"the '{others}' QueryLanguage",
                    location,
                )

    def _transition(self, state: Mapping[str, Any], kind: str, location: str) -> None:
        if not _FIELDS[kind] >= _TRANSITION:
            return
        findings = self._findings
        findings.text(state, "Next", location)
        if "End" in state and not isinstance(state["End"], bool):
            findings.add(SCHEMA, "Expected value of type Boolean", f"{location}/End")
        ends = state.get("End") is True
        if ends and "Next" in state:
            findings.add(SCHEMA, "Only one of these fields is allowed: [Next, End]", location)
        elif not ends and "Next" not in state:
            findings.add(SCHEMA, "One of these fields is required: [Next, End]", location)

    def _values(self, state: Mapping[str, Any], kind: str, location: str) -> None:
        findings = self._findings
        findings.text(state, "Comment", location)
        for group in _EXCLUSIVE:
            if kind in ("Task", "Pass", "Parallel") and "Parameters" in group:
                continue
            if sum(field in state for field in group) > 1:
                findings.add(
                    SCHEMA, f"Only one of these fields is allowed: [{', '.join(group)}]", location
                )
        for field in _PATHS:
            if field in state and not self._is_jsonata:
                findings.path(state[field], f"{location}/{field}")
        for field, bounds in _NUMBERS.items():
            if not (self._is_jsonata and is_expression(state.get(field))):
                findings.number(
                    state, field, location, bounds, is_whole=field != "ToleratedFailurePercentage"
                )
        if "Assign" in state:
            findings.variables(state["Assign"], f"{location}/Assign", is_jsonata=self._is_jsonata)
        if self._is_jsonata:
            skipped = ("Assign", "Catch", "Choices", "Branches", "ItemProcessor", "Iterator")
            for field, value in state.items():
                if field not in skipped:
                    findings.expressions(value, f"{location}/{field}")
        else:
            self._jsonpath(state, location)

    def _jsonpath(self, state: Mapping[str, Any], location: str) -> None:
        findings = self._findings
        for field in ("InputPath", "OutputPath"):
            if state.get(field) is not None:
                findings.path(state[field], f"{location}/{field}")
        if state.get("ResultPath") is not None:
            findings.reference(state["ResultPath"], f"{location}/ResultPath")
        for field in ("Parameters", "ResultSelector", "ItemSelector", "Credentials"):
            if field in state:
                findings.template(state[field], f"{location}/{field}")
        for field in ("ErrorPath", "CausePath"):
            if field in state:
                findings.path(state[field], f"{location}/{field}", takes_functions=True)

    def _list(self, state: Mapping[str, Any], field: str, location: str) -> list[Any]:
        value = state.get(field, [])
        if isinstance(value, list) and all(isinstance(each, dict) for each in value):
            return value
        self._findings.add(SCHEMA, "Expected value of type Array of Objects", f"{location}/{field}")
        self._findings.has_broken_shape = True
        return []

    def _errors(self, given: Mapping[str, Any], location: str) -> None:
        errors = given.get("ErrorEquals")
        if errors is None:
            self._findings.add(SCHEMA, "These fields are required: [ErrorEquals]", location)
        elif (
            not isinstance(errors, list)
            or not errors
            or not all(isinstance(e, str) for e in errors)
        ):
            self._findings.add(
                SCHEMA,
                "ErrorEquals must be a non-empty array of strings",
                f"{location}/ErrorEquals",
            )
        elif ALL in errors and len(errors) > 1:
            self._findings.add(SCHEMA, f"{ALL} must appear alone", f"{location}/ErrorEquals")

    def _retrier(self, given: Mapping[str, Any], location: str) -> None:
        findings = self._findings
        self._errors(given, location)
        findings.number(given, "IntervalSeconds", location, (0, 99_999_999))
        findings.number(given, "MaxAttempts", location, (0, 99_999_999))
        findings.number(given, "BackoffRate", location, (1.0, float("inf")), is_whole=False)
        findings.number(given, "MaxDelaySeconds", location, (1, 31_622_399))
        findings.choice(given, "JitterStrategy", location, ("FULL", "NONE"))
        known = {
            "ErrorEquals",
            "IntervalSeconds",
            "MaxAttempts",
            "BackoffRate",
            "MaxDelaySeconds",
            "JitterStrategy",
            "Comment",
        }
        for field in given.keys() - known:
            findings.add(SCHEMA, f"Field '{field}' is not supported", location)

    def _catcher(self, given: Mapping[str, Any], location: str) -> None:
        findings = self._findings
        self._errors(given, location)
        if "Next" not in given:
            findings.add(SCHEMA, "These fields are required: [Next]", location)
        if "Assign" in given:
            findings.variables(given["Assign"], f"{location}/Assign", is_jsonata=self._is_jsonata)
        if self._is_jsonata:
            findings.expressions(given.get("Output"), f"{location}/Output")
        elif given.get("ResultPath") is not None:
            findings.reference(given["ResultPath"], f"{location}/ResultPath")

    def _pass(self, state: Mapping[str, Any], location: str) -> None:
        result = state.get("Result")
        if isinstance(result, dict) and any(key.endswith(".$") for key in result):
            self._findings.warn(
                "PASS_RESULT_IS_STATIC",
                "The Result of a Pass state is static; use Parameters instead",
                f"{location}/Result",
            )

    def _task(self, state: Mapping[str, Any], location: str) -> None:
        arn = state.get("Resource")
        if arn is None:
            return
        if not isinstance(arn, str) or not arn.startswith("arn:") or arn.count(":") < 5:
            self._findings.add(SCHEMA, "Value is not a valid resource ARN", f"{location}/Resource")
            return
        resource = parse_resource(arn)
        if self._kind == "EXPRESS" and resource.pattern:
            self._findings.add(
                SCHEMA,
                f"Express state machine does not support '.{resource.pattern}' service integration ",
                f"{location}/Resource",
            )
        elif self._kind == "EXPRESS" and resource.kind == "activity":
            self._findings.add(
                SCHEMA,
                "Express state machine does not support Activity ARN",
                f"{location}/Resource",
            )

    def _wait(self, state: Mapping[str, Any], location: str) -> None:
        if not any(field in state for field in _EXCLUSIVE[0]):
            self._findings.add(
                SCHEMA, f"One of these fields is required: [{', '.join(_EXCLUSIVE[0])}]", location
            )
        if "Timestamp" in state and not (self._is_jsonata and is_expression(state["Timestamp"])):
            self._findings.timestamp(state["Timestamp"], f"{location}/Timestamp")

    def _fail(self, state: Mapping[str, Any], location: str) -> None:
        self._findings.text(state, "Error", location)
        self._findings.text(state, "Cause", location)

    def _parallel(self, state: Mapping[str, Any], location: str) -> None:
        branches = self._list(state, "Branches", location)
        if "Branches" in state and not branches:
            self._findings.add(SCHEMA, "Branches must not be empty", f"{location}/Branches")

    def _map(self, state: Mapping[str, Any], location: str) -> None:
        processor = state.get("ItemProcessor", state.get("Iterator"))
        if processor is None:
            self._findings.add(SCHEMA, "These fields are required: [ItemProcessor]", location)
        elif not isinstance(processor, dict):
            self._findings.add(SCHEMA, "Expected value of type Object", f"{location}/ItemProcessor")
            self._findings.has_broken_shape = True

    def _choice(self, state: Mapping[str, Any], location: str) -> None:
        self._findings.text(state, "Default", location)
        rules = self._list(state, "Choices", location)
        if "Choices" in state and not rules:
            self._findings.add(SCHEMA, "Choices must not be empty", f"{location}/Choices")
        for at, rule in enumerate(rules):
            where = f"{location}/Choices[{at}]"
            if "Next" not in rule:
                self._findings.add(SCHEMA, "These fields are required: [Next]", where)
            if "Assign" in rule:
                self._findings.variables(
                    rule["Assign"], f"{where}/Assign", is_jsonata=self._is_jsonata
                )
            if self._is_jsonata:
                self._condition(rule, where)
            else:
                self._rule(rule, where)

    def _condition(self, rule: Mapping[str, Any], location: str) -> None:
        if "Condition" not in rule:
            self._findings.add(SCHEMA, "These fields are required: [Condition]", location)
        self._findings.expressions(rule.get("Condition"), f"{location}/Condition")
        self._findings.expressions(rule.get("Output"), f"{location}/Output")

    def _rule(self, rule: Any, location: str) -> None:
        if not isinstance(rule, dict):
            self._findings.add(SCHEMA, "Expected value of type Object", location)
            return
        for field in ("And", "Or"):
            if field in rule:
                for at, each in enumerate(self._list(rule, field, location)):
                    self._rule(each, f"{location}/{field}[{at}]")
                return
        if "Not" in rule:
            self._rule(rule["Not"], f"{location}/Not")
            return
        if "Variable" not in rule:
            self._findings.add(SCHEMA, "These fields are required: [Variable]", location)
            return
        self._findings.path(rule["Variable"], f"{location}/Variable")
        names = [field for field in rule if field in OPERATORS]
        if len(names) != 1:
            self._findings.add(SCHEMA, "Exactly one comparison operator is required", location)
            return
        self._operand(names[0], rule[names[0]], f"{location}/{names[0]}")

    def _operand(self, name: str, value: Any, location: str) -> None:
        if name.endswith("Path"):
            self._findings.path(value, location)
            return
        if name in TYPE_TESTS or name in ("IsPresent", "BooleanEquals"):
            expected, is_right = "Boolean", isinstance(value, bool)
        elif COMPARISONS.get(name, ("",))[0] == "Numeric":
            expected, is_right = (
                "Number",
                isinstance(value, int | float) and not isinstance(value, bool),
            )
        elif COMPARISONS.get(name, ("",))[0] == "Timestamp":
            self._findings.timestamp(value, location)
            return
        else:
            expected, is_right = "String", isinstance(value, str)
        if not is_right:
            self._findings.add(SCHEMA, f"Expected value of type {expected}", location)
        elif isinstance(value, str) and value.startswith("$."):
            self._findings.warn(
                "NO_PATH",
                f"The value looks like a path, but '{name}' does not end with 'Path'",
                location,
            )
