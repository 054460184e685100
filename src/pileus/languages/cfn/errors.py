"""The one error of the template language. CloudFormation answers it as ``ValidationError``."""

from __future__ import annotations

from pileus.values.errors import PileusError


class TemplateError(PileusError):
    """A template, a parameter or a reference that CloudFormation would refuse.

    The text is AWS's own where AWS's is known.
    """
