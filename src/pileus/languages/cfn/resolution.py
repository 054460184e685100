"""A template given its parameters: conditions decided, order known, values at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pileus.languages.cfn.dynamic import Lookups
from pileus.languages.cfn.environment import (
    PSEUDO_PARAMETERS,
    Environment,
    ResourceValues,
    UnknownValues,
)
from pileus.languages.cfn.errors import TemplateError
from pileus.languages.cfn.functions import FUNCTION_NAMES, Scope, evaluate, no_such_mapping, truth
from pileus.languages.cfn.graph import levels, references
from pileus.languages.cfn.model import OutputDefinition, Resource, Template, text_of
from pileus.languages.cfn.parameters import ParameterValue, resolve_parameters
from pileus.languages.cfn.rules import check_rules


@dataclass(frozen=True, slots=True)
class Output:
    """An output with its value; ``export_name`` is None unless it is exported."""

    name: str
    value: str
    description: str = ""
    export_name: str | None = None


@dataclass(frozen=True, slots=True)
class ResolvedTemplate:
    """A template ready to be carried out.

    Attributes:
        resources: those whose condition holds, in the template's order.
        needs: for each resource the others that must exist before it.
        levels: groups that may be made together; delete in reverse.
        conditions: every condition's value.
    """

    template: Template
    environment: Environment
    parameters: Mapping[str, ParameterValue]
    conditions: Mapping[str, bool]
    resources: Mapping[str, Resource]
    needs: Mapping[str, frozenset[str]]
    levels: tuple[tuple[str, ...], ...]
    lookups: Lookups

    def properties(self, logical_id: str, values: ResourceValues) -> dict[str, Any]:
        """A resource's properties with every function and dynamic reference resolved.

        Raises:
            TemplateError: a value that cannot be had.
        """
        result = evaluate(dict(self.resources[logical_id].properties), self._scope(values))
        if not isinstance(result, dict):
            raise TemplateError(f"Properties of {logical_id} must be an object.")
        return result

    def evaluated(self, value: Any, values: ResourceValues) -> Any:
        """Any part of the template (metadata, a policy) with its functions resolved."""
        return evaluate(value, self._scope(values))

    def outputs(self, values: ResourceValues) -> tuple[Output, ...]:
        """The outputs whose condition holds.

        Raises:
            TemplateError: a value that is no string, or cannot be had.
        """
        scope = self._scope(values)
        return tuple(
            _output(definition, scope)
            for definition in self.template.outputs.values()
            if definition.condition is None or self.conditions[definition.condition]
        )

    def _scope(self, values: ResourceValues) -> Scope:
        return Scope(
            self.environment,
            self.parameters,
            self.template.mappings,
            values,
            self.lookups,
            self._condition,
            self.environment.pseudo_parameters(),
        )

    def _condition(self, name: str) -> bool:
        if name not in self.conditions:
            raise TemplateError(
                f"Template format error: Unresolved condition dependency {name} in the Resources "
                "block of the template"
            )
        return self.conditions[name]


def resolve_template(
    template: Template,
    parameters: Mapping[str, str],
    environment: Environment,
    lookups: Lookups | None = None,
) -> ResolvedTemplate:
    """Give a template its parameters.

    Args:
        parameters: values by name; those left out take their defaults.

    Raises:
        TemplateError: parameters, rules, conditions, references or order are wrong; the text is
            AWS's.
    """
    lookups = lookups or Lookups()
    values = resolve_parameters(template.parameters, parameters, lookups)
    conditions = _Conditions(template, values, environment, lookups)
    check_rules(template.rules, conditions.scope)
    truths = {name: conditions.value(name) for name in template.conditions}
    _check_conditions_exist(template)
    _check_references(template)
    active = {
        name: resource
        for name, resource in template.resources.items()
        if resource.condition is None or truths[resource.condition]
    }
    needs = {name: _needs(resource, template, active, truths) for name, resource in active.items()}
    _check_outputs(template, active, truths)
    return ResolvedTemplate(
        template, environment, values, truths, active, needs, levels(needs), lookups
    )


class _Conditions:
    """Decides conditions on demand, each once, and notices circles."""

    def __init__(
        self,
        template: Template,
        parameters: Mapping[str, ParameterValue],
        environment: Environment,
        lookups: Lookups,
    ) -> None:
        self._template = template
        self._done: dict[str, bool] = {}
        self._open: list[str] = []
        self.scope = Scope(
            environment,
            parameters,
            template.mappings,
            UnknownValues(),
            lookups,
            self.value,
            environment.pseudo_parameters(),
        )

    def value(self, name: str) -> bool:
        if name in self._done:
            return self._done[name]
        if name not in self._template.conditions:
            raise TemplateError(
                f"Template format error: Unresolved condition dependency {name} in the Conditions "
                "block of the template"
            )
        if name in self._open:
            raise TemplateError(
                f"Template format error: Circular dependency between conditions: "
                f"[{', '.join(self._open)}]"
            )
        expression = self._template.conditions[name]
        self._refuse_resources(expression)
        self._open.append(name)
        self._done[name] = truth(expression, self.scope)
        self._open.pop()
        return self._done[name]

    def _refuse_resources(self, expression: Any) -> None:
        for name, _ in references(expression):
            if name not in self._template.parameters and name not in PSEUDO_PARAMETERS:
                raise TemplateError(
                    f"Template format error: Unresolved dependencies [{name}]. Cannot reference "
                    "resources in the Conditions block of the template"
                )


def _check_conditions_exist(template: Template) -> None:
    for block, members in (("Resources", template.resources), ("Outputs", template.outputs)):
        for member in members.values():
            name = member.condition
            if name is not None and name not in template.conditions:
                raise TemplateError(
                    f"Template format error: Unresolved condition dependency {name} in the "
                    f"{block} block of the template"
                )


def _body(resource: Resource) -> list[Any]:
    return [
        resource.properties,
        resource.metadata,
        resource.creation_policy,
        resource.update_policy,
    ]


def _check_references(template: Template) -> None:
    """Every name referred to must exist, whichever way the conditions fall."""
    unresolved: dict[str, None] = {}
    for resource in template.resources.values():
        _check_calls(_body(resource), template, "Resources")
        for name in resource.depends_on:
            if name not in template.resources:
                unresolved[name] = None
        for name, attribute in references(_body(resource)):
            if attribute is not None and name not in template.resources:
                raise TemplateError(
                    f"Template error: instance of Fn::GetAtt references undefined resource {name}"
                )
            if not _is_known(name, template):
                unresolved[name] = None
    if unresolved:
        raise _unresolved(unresolved, "Resources")


def _check_calls(value: Any, template: Template, block: str) -> None:
    """Every function called must exist, and every condition that Fn::If names."""
    if isinstance(value, list):
        for item in value:
            _check_calls(item, template, block)
        return
    if not isinstance(value, dict):
        return
    for name, argument in value.items():
        if len(value) == 1 and name.startswith("Fn::"):
            if name not in FUNCTION_NAMES:
                raise TemplateError(f"Template error: unsupported intrinsic function {name}")
            first = argument[0] if isinstance(argument, list) and argument else None
            text = first if isinstance(first, str) else None
            if name == "Fn::If" and text and text not in template.conditions:
                raise TemplateError(
                    f"Template format error: Unresolved condition dependency {text} in the "
                    f"{block} block of the template"
                )
            is_lookup = name == "Fn::FindInMap" and len(argument) == 3
            if is_lookup and text and text not in template.mappings:
                raise no_such_mapping(text)
        _check_calls(argument, template, block)


def _unresolved(names: Mapping[str, Any], block: str) -> TemplateError:
    return TemplateError(
        f"Template format error: Unresolved resource dependencies [{', '.join(names)}] in the "
        f"{block} block of the template"
    )


def _is_known(name: str, template: Template) -> bool:
    return name in template.resources or name in template.parameters or name in PSEUDO_PARAMETERS


def _taken(value: Any, truths: Mapping[str, bool]) -> Any:
    """``value`` with the branches of Fn::If that are not taken left out."""
    if isinstance(value, list):
        return [_taken(item, truths) for item in value]
    if not isinstance(value, dict):
        return value
    branch = value.get("Fn::If") if len(value) == 1 else None
    if isinstance(branch, list) and len(branch) == 3 and branch[0] in truths:
        return _taken(branch[1 if truths[branch[0]] else 2], truths)
    return {key: _taken(item, truths) for key, item in value.items()}


def _needs(
    resource: Resource,
    template: Template,
    active: Mapping[str, Resource],
    truths: Mapping[str, bool],
) -> frozenset[str]:
    needs = {name for name in resource.depends_on if name in active}
    missing: dict[str, None] = {}
    for name, _ in references(_taken(_body(resource), truths)):
        if name in active:
            needs.add(name)
        elif name in template.resources:
            missing[name] = None
    if missing:
        raise _unresolved(missing, "Resources")
    return frozenset(needs)


def _check_outputs(
    template: Template, active: Mapping[str, Resource], truths: Mapping[str, bool]
) -> None:
    unresolved: dict[str, None] = {}
    for output in template.outputs.values():
        _check_calls([output.value, output.export_name], template, "Outputs")
        if output.condition is not None and not truths[output.condition]:
            continue
        taken = _taken([output.value, output.export_name], truths)
        for name, _ in references(taken):
            if name not in active and (name in template.resources or not _is_known(name, template)):
                unresolved[name] = None
    if unresolved:
        raise _unresolved(unresolved, "Outputs")


def _output(definition: OutputDefinition, scope: Scope) -> Output:
    value = evaluate(definition.value, scope)
    if isinstance(value, (dict, list)):
        raise TemplateError(
            f"Template format error: Output {definition.name} is malformed. The Value field of "
            "every Outputs member must evaluate to a String."
        )
    export_name = None
    if definition.export_name is not None:
        export_name = text_of(evaluate(definition.export_name, scope))
    return Output(definition.name, text_of(value), definition.description, export_name)
