import pytest

from pileus.languages.cfn import TemplateError, parse_template


def test_a_template_tells_its_parts() -> None:
    template = parse_template("""
AWSTemplateFormatVersion: 2010-09-09
Description: shop
Transform: [AWS::Serverless-2016-10-31, {Name: AWS::Include, Parameters: {Location: s3://x}}]
Parameters: {P: {Type: String, Default: 1, NoEcho: true, AllowedValues: [1, 2]}}
Resources:
  A:
    Type: AWS::SQS::Queue
    DependsOn: B
    DeletionPolicy: Retain
    Metadata: {m: 1}
  B: {Type: AWS::SQS::Queue, DependsOn: []}
Outputs:
  O: {Value: !Ref A, Export: {Name: x}, Description: d}
""")
    assert template.transforms == ("AWS::Serverless-2016-10-31", "AWS::Include")
    assert template.description == "shop"
    assert template.parameters["P"].default == "1"
    assert template.parameters["P"].allowed_values == ("1", "2")
    assert template.parameters["P"].no_echo
    assert template.resources["A"].depends_on == ("B",)
    assert template.resources["A"].deletion_policy == "Retain"
    assert template.outputs["O"].export_name == "x"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", "Template format error: unsupported structure."),
        ("Bogus: 1\nMore: 1\nResources: {A: {Type: T}}", "Invalid template property or properties [Bogus, More]"),
        ("Description: x", "Template format error: At least one Resources member must be defined."),
        ("Resources: {}", "Template format error: At least one Resources member must be defined."),
        ("Resources: {a-b: {Type: T}}", "Template format error: Resource name a-b is non alphanumeric."),
        ("Resources: {A: {}}", "Template format error: [/Resources/A] Every Resources object must contain a Type member."),
        ("Resources: {A: 1}", "Template format error: Any Resources member must be an object."),
        ("Resources: {A: {Type: T, Props: {}}}", "Invalid template resource property 'Props'"),
        ("Resources: {A: {Type: T, Properties: {B: [~]}}}", "Template format error: [/Resources/A/Properties/B/0] 'null' values are not allowed in templates"),
        ("Resources: {A: {Type: T, DeletionPolicy: Keep}}", "Template format error: Unrecognized DeletionPolicy Keep for resource A"),
        ("Resources: {A: {Type: T}}\nOutputs: {O: {}}", "Template format error: Every Outputs member must contain a Value object."),
        ("Resources: {A: {Type: T}}\nParameters: {O: {}}", "Template format error: Every Parameters object must contain a Type member."),
        ("AWSTemplateFormatVersion: 2011-01-01\nResources: {A: {Type: T}}", "Template format error: 2011-01-01 is not a supported value for AWSTemplateFormatVersion."),
        ("Resources: {" + ", ".join(f"A{n}: {{Type: T}}" for n in range(501)) + "}", "Template format error: Number of resources, 501, is greater than maximum allowed, 500"),
    ],
)  # fmt: skip
def test_refuses(text: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        parse_template(text)
    assert str(caught.value) == message
