"""IAM policy documents: checked and compiled, then evaluated.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html and
.../reference_policies_evaluation-logic.html. The outcome of one set of policies is given; how
identity policies, resource policies and boundaries are combined is the caller's business.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pileus.languages.iam_conditions import (
    Condition,
    UnknownOperator,
    compile_conditions,
)
from pileus.languages.iam_patterns import ContextValues, Pattern, arn_pattern, glob_pattern
from pileus.values.context import Principal
from pileus.values.errors import ServiceError

PolicyKind = Literal["identity", "resource", "trust"]
Outcome = Literal["allow", "deny", "implicit"]
_PrincipalTest = Callable[[Principal], bool]

_SYNTAX = "Syntax errors in policy."
_STATEMENT_KEYS = frozenset(
    "Sid Effect Principal NotPrincipal Action NotAction Resource NotResource Condition".split()  # noqa: SIM905
)
_PRINCIPAL_KEYS = frozenset({"AWS", "Service", "Federated", "CanonicalUser"})
_VERSIONS = frozenset({"2012-10-17", "2008-10-17"})
_ACTION = re.compile(r"[A-Za-z0-9-]+:[A-Za-z0-9*?_-]+")
_SID = re.compile(r"[0-9A-Za-z]*")
_ACCOUNT = re.compile(r"\d{12}")
_PARTITIONS = frozenset({"aws", "aws-cn", "aws-us-gov", "*"})


class MalformedPolicy(ServiceError):
    """A document IAM refuses: ``MalformedPolicyDocument``."""

    def __init__(self, message: str) -> None:
        super().__init__("MalformedPolicyDocument", message)


@dataclass(frozen=True, slots=True)
class Statement:
    """One compiled statement; None stands for an element that is not there."""

    sid: str
    is_allow: bool
    principal: _PrincipalTest | None
    actions: tuple[Pattern, ...]
    has_not_action: bool
    resources: tuple[Pattern, ...] | None
    has_not_resource: bool
    conditions: tuple[Condition, ...]

    def matches(
        self, action: str, resource: str, context: ContextValues, principal: Principal | None
    ) -> bool:
        """Whether the statement speaks about a request; ``context`` keys are in lower case."""
        if self.principal is not None and (principal is None or not self.principal(principal)):
            return False
        is_named = any(pattern(action, context) for pattern in self.actions)
        if is_named == self.has_not_action:
            return False
        if self.resources is not None:
            is_named = any(pattern(resource, context) for pattern in self.resources)
            if is_named == self.has_not_resource:
                return False
        return all(condition(context) for condition in self.conditions)


@dataclass(frozen=True, slots=True)
class Policy:
    """A compiled document."""

    statements: tuple[Statement, ...]
    version: str


def parse_policy(document: str | Mapping[str, Any], kind: PolicyKind = "identity") -> Policy:
    """Check and compile a policy document.

    Args:
        document: JSON text, or the mapping it decodes to.
        kind: ``identity`` (no principals), ``resource`` (principals required), ``trust`` (a
            role's, about STS actions only).
    Raises:
        MalformedPolicy: with IAM's sentence. Only the first kind of mistake is reported.
    """
    if isinstance(document, str):
        try:
            decoded = json.loads(document)
        except ValueError:
            raise MalformedPolicy(_SYNTAX) from None
    else:
        decoded = document
    statements = _checked_syntax(decoded)
    version = str(decoded.get("Version", "2008-10-17"))
    if kind == "identity" and version != "2012-10-17":
        raise MalformedPolicy("Policy document must be version 2012-10-17 or greater.")
    _check_statements(statements, kind)
    has_variables = version == "2012-10-17"
    try:
        compiled = tuple(_compile(each, has_variables=has_variables) for each in statements)
    except UnknownOperator:
        raise MalformedPolicy(_SYNTAX) from None
    except ValueError:
        raise MalformedPolicy("The policy failed legacy parsing") from None
    return Policy(compiled, version)


def evaluate(
    policies: Iterable[Policy],
    action: str,
    resource: str,
    context: Mapping[str, Any] | None = None,
    *,
    principal: Principal | None = None,
) -> Outcome:
    """What a set of policies says about a request.

    Args:
        action: ``service:Operation``; letter case does not matter.
        resource: the resource's ARN, or ``*`` where the operation has none.
        context: condition keys and their values (text, number, boolean, or a list of those);
            letter case of the keys does not matter.
        principal: who asks; required for statements that name principals.
    Returns:
        ``deny`` when any statement denies it, else ``allow`` when any allows it, else ``implicit``.
    """
    values = context_values(context or {})
    outcome: Outcome = "implicit"
    for policy in policies:
        for statement in policy.statements:
            if statement.is_allow and outcome == "allow":
                continue
            if statement.matches(action, resource, values, principal):
                if not statement.is_allow:
                    return "deny"
                outcome = "allow"
    return outcome


def context_values(context: Mapping[str, Any]) -> ContextValues:
    """Condition keys in lower case with their values as tuples of text; None is left out."""
    return {key.lower(): _texts(value) for key, value in context.items() if value is not None}


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, list | tuple | set | frozenset):
        return tuple(text for each in value for text in _texts(each))
    if isinstance(value, bool):
        return ("true" if value else "false",)
    return (str(value),)


# --- checking -----------------------------------------------------------------------------------


def _checked_syntax(document: Any) -> list[Mapping[str, Any]]:
    if not isinstance(document, Mapping) or not {"Version", "Id", "Statement"} >= set(document):
        raise MalformedPolicy(_SYNTAX)
    version = document.get("Version", "2012-10-17")
    if not isinstance(document.get("Id", ""), str) or version not in _VERSIONS:
        raise MalformedPolicy(_SYNTAX)
    statements = document.get("Statement")
    if isinstance(statements, Mapping):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        raise MalformedPolicy(_SYNTAX)
    if not all(_is_well_formed(statement) for statement in statements):
        raise MalformedPolicy(_SYNTAX)
    return statements


def _is_well_formed(statement: Any) -> bool:
    if not isinstance(statement, Mapping) or not set(statement) <= _STATEMENT_KEYS:
        return False
    for name in ("Principal", "Action", "Resource"):
        if name in statement and f"Not{name}" in statement:
            return False
    for name in ("Action", "NotAction", "Resource", "NotResource"):
        if name in statement and not _is_texts(statement[name]):
            return False
    for name in ("Principal", "NotPrincipal"):
        if name in statement and not _is_principal(statement[name]):
            return False
    return (
        statement.get("Effect") in ("Allow", "Deny")
        and isinstance(statement.get("Sid", ""), str)
        and _is_condition(statement.get("Condition", {}))
    )


def _is_texts(value: Any) -> bool:
    return isinstance(value, str) or (
        isinstance(value, list) and all(isinstance(each, str) for each in value)
    )


def _is_principal(value: Any) -> bool:
    if isinstance(value, str):
        return value == "*"
    return (
        isinstance(value, Mapping)
        and bool(value)
        and set(value) <= _PRINCIPAL_KEYS
        and all(_is_texts(each) for each in value.values())
    )


def _is_condition(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(keys, Mapping)
        and all(
            isinstance(wanted, str | int | float)
            or (isinstance(wanted, list) and all(isinstance(w, str | int | float) for w in wanted))
            for wanted in keys.values()
        )
        for keys in value.values()
    )


def _list(value: str | list[str] | None) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])


def _check_statements(statements: list[Mapping[str, Any]], kind: PolicyKind) -> None:
    sids = [statement["Sid"] for statement in statements if statement.get("Sid")]
    if len(set(sids)) != len(sids):
        raise MalformedPolicy("Statement IDs (SID) in a single policy must be unique.")
    if kind == "identity" and not all(_SID.fullmatch(sid) for sid in sids):
        raise MalformedPolicy(
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the "
            "regular expression [0-9A-Za-z]*"
        )
    for statement in statements:
        if not _list(statement.get("Action")) and not _list(statement.get("NotAction")):
            raise MalformedPolicy("Policy statement must contain actions.")
    for statement in statements:
        _check_resources(statement, kind)
    for statement in statements:
        for action in _list(statement.get("Action", statement.get("NotAction"))):
            _check_action(action)
    for statement in statements:
        _check_kind(statement, kind)


def _check_resources(statement: Mapping[str, Any], kind: PolicyKind) -> None:
    for resource in _list(statement.get("Resource", statement.get("NotResource"))):
        if resource == "*" or kind == "resource":
            continue
        parts = resource.split(":", 5)
        if parts[0] != "arn":
            raise MalformedPolicy(f'Resource {resource} must be in ARN format or "*".')
        if len(parts) < 6:
            raise MalformedPolicy("The policy failed legacy parsing")
        if parts[1] not in _PARTITIONS and "${" not in parts[1]:
            raise MalformedPolicy(f'Partition "{parts[1]}" is not valid for resource "{resource}".')


def _check_action(action: str) -> None:
    if action == "*" or _ACTION.fullmatch(action):
        return
    if ":" not in action:
        raise MalformedPolicy(
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
        )
    vendor, _, name = action.partition(":")
    if not re.fullmatch(r"[A-Za-z0-9-]+", vendor):
        raise MalformedPolicy(f"Vendor {vendor} is not valid")
    if ":" in name:
        raise MalformedPolicy("Actions/Condition can contain only one colon.")
    raise MalformedPolicy("The policy failed legacy parsing")


def _check_kind(statement: Mapping[str, Any], kind: PolicyKind) -> None:
    has_principal = "Principal" in statement or "NotPrincipal" in statement
    has_resource = "Resource" in statement or "NotResource" in statement
    if kind == "identity":
        if has_principal:
            raise MalformedPolicy("Policy document should not specify a principal.")
        if not _list(statement.get("Resource", statement.get("NotResource"))):
            raise MalformedPolicy("Policy statement must contain resources.")
        return
    if kind == "trust":
        if has_resource:
            raise MalformedPolicy("Has prohibited field Resource")
        for action in _list(statement.get("Action")):
            if action != "*" and not action.lower().startswith("sts:"):
                raise MalformedPolicy("AssumeRole policy may only specify STS AssumeRole actions.")
    if not has_principal:
        raise MalformedPolicy("Missing required field Principal")


# --- compiling ----------------------------------------------------------------------------------


def _compile(statement: Mapping[str, Any], *, has_variables: bool) -> Statement:
    has_not_action, has_not_resource = "NotAction" in statement, "NotResource" in statement
    actions = _list(statement["NotAction"] if has_not_action else statement.get("Action"))
    resources = statement.get("NotResource" if has_not_resource else "Resource")
    principal: _PrincipalTest | None = None
    if "Principal" in statement:
        principal = compile_principal(statement["Principal"])
    elif "NotPrincipal" in statement:
        excluded = compile_principal(statement["NotPrincipal"])

        def principal(who: Principal) -> bool:
            return not excluded(who)

    return Statement(
        sid=statement.get("Sid", ""),
        is_allow=statement["Effect"] == "Allow",
        principal=principal,
        actions=tuple(glob_pattern(each, ignore_case=True) for each in actions),
        has_not_action=has_not_action,
        resources=None
        if resources is None
        else tuple(arn_pattern(each, has_variables=has_variables) for each in _list(resources)),
        has_not_resource=has_not_resource,
        conditions=compile_conditions(statement.get("Condition", {}), has_variables=has_variables),
    )


def compile_principal(element: str | Mapping[str, Any]) -> _PrincipalTest:
    """Compile a ``Principal`` element to a test of who asks."""
    if element == "*":
        return lambda _who: True
    assert isinstance(element, Mapping)
    tests = [
        _named_principal(kind, name) for kind, names in element.items() for name in _list(names)
    ]
    return lambda who: any(test(who) for test in tests)


def _named_principal(kind: str, name: str) -> _PrincipalTest:
    if kind == "Service":
        return lambda who: who.arn == f"service:{name}"
    if kind != "AWS":
        return lambda who: who.arn == name or who.user_id == name
    if name == "*":
        return lambda who: not who.arn.startswith("service:")
    account = name if _ACCOUNT.fullmatch(name) else ""
    parts = name.split(":", 5)
    if len(parts) == 6 and parts[5] == "root":
        account = parts[4]
    if account:
        # Naming an account delegates to it: everyone in it is meant.
        return lambda who: who.account == account and not who.arn.startswith("service:")
    wanted = _role_name(name)

    def is_named(who: Principal) -> bool:
        return who.arn == name or (wanted is not None and _session_role(who.arn) == wanted)

    return is_named


def _role_name(arn: str) -> tuple[str, str] | None:
    """Account and name of a role's ARN; sessions do not carry the role's path."""
    parts = arn.split(":", 5)
    if len(parts) == 6 and parts[2] == "iam" and parts[5].startswith("role/"):
        return parts[4], parts[5].rsplit("/", 1)[1]
    return None


def _session_role(arn: str) -> tuple[str, str] | None:
    parts = arn.split(":", 5)
    if len(parts) == 6 and parts[2] == "sts" and parts[5].startswith("assumed-role/"):
        return parts[4], parts[5].split("/")[1]
    return None
