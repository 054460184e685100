"""The ``Rules`` section: assertions about parameters, checked before anything is made.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/rules-section-structure.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.languages.cfn.errors import TemplateError
from pileus.languages.cfn.functions import Scope, evaluate, truth


def check_rules(rules: Mapping[str, Any], scope: Scope) -> None:
    """Check every rule whose condition holds.

    Raises:
        TemplateError: an assertion that does not hold, or a malformed rule.
    """
    for name, rule in rules.items():
        if not isinstance(rule, dict) or not isinstance(rule.get("Assertions"), list):
            raise TemplateError(f"Template format error: Rule {name} must have Assertions.")
        if "RuleCondition" in rule and not _holds(rule["RuleCondition"], scope):
            continue
        for assertion in rule["Assertions"]:
            if not isinstance(assertion, dict) or "Assert" not in assertion:
                raise TemplateError(f"Template format error: Rule {name} lacks an Assert.")
            if not _holds(assertion["Assert"], scope):
                text = assertion.get("AssertDescription", "an assertion does not hold")
                raise TemplateError(f"Rule {name} failed: {text}")


def _holds(value: Any, scope: Scope) -> bool:
    if not isinstance(value, dict) or len(value) != 1:
        return truth(value, scope)
    name, argument = next(iter(value.items()))
    if name in ("Fn::And", "Fn::Or") and isinstance(argument, list):
        results = [_holds(part, scope) for part in argument]
        return all(results) if name == "Fn::And" else any(results)
    if name == "Fn::Not" and isinstance(argument, list) and len(argument) == 1:
        return not _holds(argument[0], scope)
    if name in ("Fn::Contains", "Fn::EachMemberEquals", "Fn::EachMemberIn"):
        return _membership(name, argument, scope)
    if name in ("Fn::RefAll", "Fn::ValueOf", "Fn::ValueOfAll"):
        raise TemplateError(f"Template error: {name} is not supported: it needs account data")
    return truth(value, scope)


def _membership(name: str, argument: Any, scope: Scope) -> bool:
    if not isinstance(argument, list) or len(argument) != 2:
        raise TemplateError(f"Template error: every {name} object requires two parameters")
    left, right = (evaluate(part, scope) for part in argument)
    if not isinstance(left, list):
        raise TemplateError(f"Template error: {name} needs a list of strings")
    if name == "Fn::Contains":
        return right in left
    if name == "Fn::EachMemberEquals":
        return all(item == right for item in left)
    return isinstance(right, list) and all(item in right for item in left)
