"""The CloudFormation template language: parsing, parameters, intrinsics, order, difference.

Pure: parameters, exports and secrets are read through :class:`Lookups`, resources through
:class:`ResourceValues`.
"""

from pileus.languages.cfn.difference import (
    PropertyChange,
    ResourceChange,
    compare_templates,
    difference,
)
from pileus.languages.cfn.dynamic import Lookups
from pileus.languages.cfn.environment import (
    KNOWN_AFTER_APPLY,
    Environment,
    ResourceValues,
    UnknownValues,
)
from pileus.languages.cfn.errors import TemplateError
from pileus.languages.cfn.model import (
    OutputDefinition,
    Parameter,
    Resource,
    Template,
    parse_template,
    template_of,
)
from pileus.languages.cfn.parameters import ParameterValue
from pileus.languages.cfn.resolution import Output, ResolvedTemplate, resolve_template

__all__ = [
    "KNOWN_AFTER_APPLY",
    "Environment",
    "Lookups",
    "Output",
    "OutputDefinition",
    "Parameter",
    "ParameterValue",
    "PropertyChange",
    "ResolvedTemplate",
    "Resource",
    "ResourceChange",
    "ResourceValues",
    "Template",
    "TemplateError",
    "UnknownValues",
    "compare_templates",
    "difference",
    "parse_template",
    "resolve_template",
    "template_of",
]
