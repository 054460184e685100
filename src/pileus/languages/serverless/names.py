"""Names and logical ids, spelled as the Serverless Framework spells them."""

from __future__ import annotations

import hashlib
import re
from typing import Any

_NOT_ALPHANUMERIC = re.compile(r"[^0-9A-Za-z]")
RULE_NAME_MAX = 64


def upper_first(text: str) -> str:
    """``hello`` -> ``Hello``, the rest untouched."""
    return text[:1].upper() + text[1:]


def function_id(name: str) -> str:
    """``my-fn_a`` -> ``MyDashfnUnderscorea``; the stem of a function's logical ids."""
    return upper_first(name.replace("-", "Dash").replace("_", "Underscore"))


def alphanumeric(text: str) -> str:
    """``video-bucket`` -> ``Videobucket``."""
    return upper_first(_NOT_ALPHANUMERIC.sub("", text))


def lambda_id(name: str) -> str:
    """``hello`` -> ``HelloLambdaFunction``."""
    return f"{function_id(name)}LambdaFunction"


def arn_of(name: str) -> dict[str, Any]:
    """The ARN of one of the service's functions."""
    return {"Fn::GetAtt": [lambda_id(name), "Arn"]}


def rule_name(stem: str, index: int) -> str:
    """``service-stage-function-rule-1``, shortened with a digest past 64 characters."""
    name = f"{stem}-rule-{index}"
    if len(name) <= RULE_NAME_MAX:
        return name
    digest = hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()
    return f"{name[: RULE_NAME_MAX - 1 - len(digest)]}-{digest}"


def joined_arn(*parts: Any) -> dict[str, Any]:
    """``Fn::Join`` of the parts with nothing between."""
    return {"Fn::Join": ["", list(parts)]}


PARTITION = {"Ref": "AWS::Partition"}
REGION = {"Ref": "AWS::Region"}
ACCOUNT = {"Ref": "AWS::AccountId"}


def own_name(source: Any) -> str | None:
    """The name by which an ARN, given as text or as a function, calls its resource.

    ``arn:…:my-queue`` -> ``my-queue``; GetAtt and Ref -> the logical id; ImportValue -> the
    export's name; Join -> its last part; None where none can be told.
    """
    if isinstance(source, str):
        return source.rsplit(":", 1)[-1].rsplit("/", 1)[-1]
    if not isinstance(source, dict) or len(source) != 1:
        return None
    kind, argument = next(iter(source.items()))
    if kind == "Fn::GetAtt":
        return argument.split(".", 1)[0] if isinstance(argument, str) else str(argument[0])
    if kind in ("Ref", "Fn::ImportValue") and isinstance(argument, str):
        return argument
    if kind == "Fn::Join" and isinstance(argument, list) and isinstance(argument[1], list):
        return own_name(argument[1][-1])
    if kind == "Fn::Sub" and isinstance(argument, str):
        return alphanumeric(own_name(argument) or "") or None
    return None
