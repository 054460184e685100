"""Shared pieces for tests of serverless.yml."""

from textwrap import dedent, indent
from typing import Any

from pileus.languages.serverless import Options, Sources, Translation, load

HEAD = """\
service: shop
provider:
  name: aws
  runtime: python3.12
"""


def translate(text: str, options: Options | None = None, **files: str) -> Translation:
    """A whole file; ``files`` are readable beside it, dots of their names spelled ``__``."""
    readable = {name.replace("__", "."): body for name, body in files.items()}
    sources = Sources(read_file=readable.get, environment={"HOME": "/root"}, account="123456789012")
    return load(dedent(text), sources).to_template(options)


def one_function(settings: str, provider: str = "", rest: str = "") -> Translation:
    """A service with function ``hello`` whose settings are given as YAML."""
    text = HEAD + indent(dedent(provider), "  ") + "\nfunctions:\n  hello:\n"
    text += "    handler: handler.hello\n" + indent(dedent(settings), "    ") + "\n" + dedent(rest)
    return translate(text)


def properties(result: Translation, logical_id: str) -> Any:
    """The properties of one resource."""
    return result.template["Resources"][logical_id]["Properties"]


def resource_ids(result: Translation, kind: str) -> list[str]:
    """The logical ids of a type."""
    resources = result.template["Resources"]
    return [name for name, body in resources.items() if body["Type"] == kind]


def statements(result: Translation) -> list[Any]:
    """What the shared role allows beside its logs."""
    role = properties(result, "IamRoleLambdaExecution")
    found: list[Any] = role["Policies"][0]["PolicyDocument"]["Statement"][2:]
    return found
