import pytest

from pileus.languages.serverless import Options, ServiceFileError, Sources, load_file

from .support import HEAD, one_function, properties, translate

TWO = HEAD + "functions: {a: {handler: h.a}, b: {handler: h.b, package: {patterns: ['b/**']}}}\n"


def test_one_artifact_for_all_functions_by_default() -> None:
    (artifact,) = translate(TWO + "package: {patterns: ['!tests/**']}").plan.artifacts
    assert (artifact.name, artifact.functions) == ("shop.zip", ("a", "b"))
    assert artifact.patterns[-1] == "!tests/**"
    assert "!serverless.yml" in artifact.patterns


def test_individually_gives_each_function_its_own() -> None:
    plan = translate(TWO + "package: {individually: true, patterns: ['!x']}").plan
    assert [item.name for item in plan.artifacts] == ["a.zip", "b.zip"]
    owned = plan.of_function("b")
    assert owned is not None
    assert owned.patterns[-2:] == ("!x", "b/**")
    assert owned.key == f"{plan.folder}/b.zip"


def test_ready_made_artifacts_and_layers_are_planned() -> None:
    result = translate(
        TWO + "package: {artifact: out/all.zip}\nlayers: {my_lib: {path: lib, compatibleRuntimes: "
        "[python3.12]}}"
    )
    assert result.plan.artifacts[0].ready_made == "out/all.zip"
    assert result.plan.of_layer("my_lib").root == "lib"
    layer = properties(result, "MyUnderscorelibLambdaLayer")
    assert layer["LayerName"] == "my_lib"
    assert layer["Content"]["S3Key"] == f"{result.plan.folder}/my_lib.zip"
    assert "!lib/**" in result.plan.artifacts[0].patterns


def test_requirements_settings_are_read() -> None:
    result = translate(
        TWO + "plugins: [serverless-python-requirements]\n"
        "custom: {pythonRequirements: {fileName: req.txt, noDeploy: [boto3]}}"
    )
    assert result.plan.requirements.file_name == "req.txt"
    assert result.plan.requirements.excluded == ("boto3",)
    assert result.plan.requirements.is_asked
    assert not translate(TWO).plan.requirements.is_asked


def test_resources_are_merged_and_extended() -> None:
    result = translate(
        TWO
        + """
resources:
  - Resources:
      T: {Type: AWS::SNS::Topic}
    Outputs: {O: {Value: !Ref T}}
  - Description: mine
    extensions:
      ALambdaFunction:
        DependsOn: T
        Properties: {Timeout: 30, Environment: {Variables: {X: y}}}
  - ${file(more.yml)}
""",
        more__yml="Resources: {Q: {Type: AWS::SQS::Queue}}",
    )
    template = result.template
    assert template["Description"] == "mine"
    assert {"T", "Q"} <= set(template["Resources"])
    assert template["Outputs"]["O"] == {"Value": {"Ref": "T"}}
    function = template["Resources"]["ALambdaFunction"]
    assert function["DependsOn"] == ["ALogGroup", "T"]
    assert function["Properties"]["Timeout"] == 30
    assert function["Properties"]["Handler"] == "h.a"


def test_stage_names_everything() -> None:
    text = TWO.replace("runtime:", "stage: ${opt:stage, 'dev'}\n  runtime:")
    assert translate(text).stack.name == "shop-dev"
    result = translate(text, Options(stage="prod"))
    assert result.stack.name == "shop-prod"
    assert result.functions["a"] == "shop-prod-a"
    assert result.stack.tags["STAGE"] == "prod"


def test_a_bucket_of_the_user_s_is_used() -> None:
    result = one_function("", "deploymentBucket: {name: mine}")
    assert "ServerlessDeploymentBucket" not in result.template["Resources"]
    assert properties(result, "HelloLambdaFunction")["Code"]["S3Bucket"] == "mine"
    assert result.template["Outputs"]["ServerlessDeploymentBucketName"]["Value"] == "mine"


def test_functions_may_be_a_list_of_files() -> None:
    result = translate(
        HEAD + "functions: ['${file(a.yml)}', {b: {handler: h.b}}]",
        a__yml="a: {handler: h.a}",
    )
    assert list(result.functions) == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("provider: {name: aws}", "serverless.yml: service: expected the service's name"),
        ("service: 1x\nprovider: {name: aws}", "service: expected a name of letters, digits and hyphens"),
        ("service: x\nprovider: {name: google}", "provider.name: expected one of aws, found 'google'"),
        ("service: x\nprovider: aws", "provider: expected a mapping with name: aws and runtime, found 'aws'"),
        ("- a", "serverless.yml: expected a mapping with service, provider, functions"),
        ("service: x\nservice: y", "serverless.yml: Template format error: duplicate key 'service' (line 2, column 1)"),
        (TWO + "resources: {extensions: {Nobody: {Properties: {}}}}", "resources.extensions.Nobody: there is no resource Nobody"),
        (TWO + "resources: {Resources: {X: {Properties: {}}}}", "resources.Resources.X: expected a resource with a Type"),
        ("service: x\nprovider: {name: aws}\nfunction: {a: {handler: h.h}}", "serverless.yml:3: function: unrecognized property; did you mean functions?"),
        ("service: x\nprovider:\n  name: google", "serverless.yml:3: provider.name: expected"),
        (HEAD + "functions:\n  b: {}\n  a:\n    name: x", "serverless.yml:6: functions.b.handler: expected"),
        (HEAD + "functions: {a: text}", "functions.a: expected a mapping with handler, found 'text'"),
        (HEAD + "  iam: {role: {statements: [{Effect: Maybe}]}}\nfunctions: {a: {handler: h.h}}", "provider.iam.role.statements.0.Effect: expected one of Allow, Deny"),
    ],
)  # fmt: skip
def test_says_what_is_wrong_with_a_file(text: str, message: str) -> None:
    with pytest.raises(ServiceFileError) as caught:
        translate(text)
    assert message in str(caught.value)


def test_a_service_of_nothing_says_so() -> None:
    (warning,) = translate("service: x\nprovider: {name: aws, runtime: python3.12}").warnings
    assert "nothing is deployed" in warning


def test_unknown_plugins_and_sections_are_named() -> None:
    result = translate(TWO + "plugins: [serverless-localstack, serverless-offline]\nbogus: 1")
    assert result.warnings == (
        "serverless.yml: bogus: unrecognized property; ignored",
        "serverless.yml: plugins: serverless-offline is not known here; ignored",
        "serverless.yml: functions.b.package: patterns count only with individually: true",
    )


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ServiceFileError, match=r"^serverless\.yml: the file does not exist$"):
        load_file("serverless.yml", Sources())


def test_the_template_is_one_cloudformation_takes() -> None:
    from pileus.languages.cfn import Environment, resolve_template, template_of

    result = translate(TWO)
    resolved = resolve_template(
        template_of(result.template), {}, Environment("1", "us-east-1", "shop-dev", "id")
    )
    assert resolved.needs["ALambdaFunction"] == {
        "ALogGroup",
        "IamRoleLambdaExecution",
        "ServerlessDeploymentBucket",
    }
