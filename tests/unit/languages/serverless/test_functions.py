import pytest

from pileus.languages.serverless import ServiceFileError, load

from .support import HEAD, one_function, properties, resource_ids, statements, translate


def test_settings_of_function_and_provider_meet() -> None:
    result = one_function(
        """
description: d
memorySize: 256
ephemeralStorageSize: 1024
architecture: arm64
reservedConcurrency: 3
tags: {b: 2}
environment: {B: true, C: !Ref X, GONE: null}
layers: ['arn:aws:lambda:us-east-1:1:layer:x:1']
tracing: Active
onError: arn:aws:sns:us-east-1:1:dead
kmsKeyArn: arn:aws:kms:us-east-1:1:key/k
""",
        "timeout: 60\nmemorySize: 512\ntags: {a: 1}\nenvironment: {A: 1, B: x, GONE: y}\n"
        "logRetentionInDays: 14",
    )
    found = properties(result, "HelloLambdaFunction")
    assert (found["MemorySize"], found["Timeout"]) == (256, 60)
    assert found["Tags"] == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    assert found["Environment"] == {"Variables": {"A": "1", "B": "true", "C": {"Ref": "X"}}}
    assert found["ReservedConcurrentExecutions"] == 3
    assert found["EphemeralStorage"] == {"Size": 1024}
    assert found["Architectures"] == ["arm64"]
    assert found["TracingConfig"] == {"Mode": "Active"}
    assert found["DeadLetterConfig"] == {"TargetArn": "arn:aws:sns:us-east-1:1:dead"}
    assert properties(result, "HelloLogGroup")["RetentionInDays"] == 14
    actions = [statement["Action"] for statement in statements(result)]
    assert actions == [
        ["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
        ["sns:Publish"],
        ["kms:Decrypt"],
    ]


def test_names_are_spelled_out_in_logical_ids() -> None:
    result = translate(HEAD + "functions: {my-fn_a: {handler: h.h, name: own}}")
    assert resource_ids(result, "AWS::Lambda::Function") == ["MyDashfnUnderscoreaLambdaFunction"]
    log = properties(result, "MyDashfnUnderscoreaLogGroup")["LogGroupName"]
    assert log == "/aws/lambda/own"


def test_versions_follow_code_and_configuration() -> None:
    service = load(HEAD + "functions: {hello: {handler: h.h}}")
    other = load(HEAD + "functions: {hello: {handler: h.h, timeout: 9}}")

    def version(file: object, code_hash: str) -> str:
        result = file.to_template(code_hashes={"shop.zip": code_hash})  # type: ignore[attr-defined]
        return resource_ids(result, "AWS::Lambda::Version")[0]

    assert version(service, "a") == version(service, "a")
    assert len({version(service, "a"), version(service, "b"), version(other, "a")}) == 3


def test_versions_can_be_switched_off() -> None:
    assert not resource_ids(one_function("", "versionFunctions: false"), "AWS::Lambda::Version")
    assert not resource_ids(one_function("versionFunction: false"), "AWS::Lambda::Version")


@pytest.mark.parametrize(
    ("function_role", "provider", "role", "depends"),
    [
        ("role: arn:aws:iam::1:role/r", "", "arn:aws:iam::1:role/r", ["HelloLogGroup"]),
        ("role: MyRole", "", {"Fn::GetAtt": ["MyRole", "Arn"]}, ["HelloLogGroup", "MyRole"]),
        ("role: !GetAtt MyRole.Arn", "", {"Fn::GetAtt": ["MyRole", "Arn"]}, ["HelloLogGroup", "MyRole"]),
        ("", "iam: {role: arn:aws:iam::1:role/p}", "arn:aws:iam::1:role/p", ["HelloLogGroup"]),
        ("", "role: arn:aws:iam::1:role/p", "arn:aws:iam::1:role/p", ["HelloLogGroup"]),
        ("", "iam: {role: !Sub 'x'}", {"Fn::Sub": "x"}, ["HelloLogGroup"]),
    ],
)  # fmt: skip
def test_a_role_of_the_user_s_replaces_the_shared_one(
    function_role: str, provider: str, role: object, depends: list[str]
) -> None:
    result = one_function(function_role, provider)
    assert properties(result, "HelloLambdaFunction")["Role"] == role
    assert result.template["Resources"]["HelloLambdaFunction"]["DependsOn"] == depends
    assert "IamRoleLambdaExecution" not in result.template["Resources"]


@pytest.mark.parametrize("place", ["iam: {role: {statements: %s}}", "iamRoleStatements: %s"])
def test_statements_are_added_in_either_place(place: str) -> None:
    result = one_function("", place % "[{Effect: Allow, Action: 's3:*', Resource: '*'}]")
    assert statements(result) == [{"Effect": "Allow", "Action": ["s3:*"], "Resource": "*"}]


def test_destinations_know_functions_arns_and_typed_functions() -> None:
    result = translate(
        HEAD
        + """functions:
  a: {handler: h.h, maximumRetryAttempts: 0, maximumEventAge: 60,
      destinations: {onSuccess: b, onFailure: {type: sqs, arn: !GetAtt Dead.Arn}}}
  b: {handler: h.h, destinations: {onSuccess: 'arn:aws:sns:us-east-1:1:t'}}
  c: {handler: h.h, maximumRetryAttempts: 1}
"""
    )
    assert properties(result, "ALambdaEvConf") == {
        "FunctionName": {"Ref": "ALambdaFunction"},
        "DestinationConfig": {
            "OnSuccess": {"Destination": {"Fn::GetAtt": ["BLambdaFunction", "Arn"]}},
            "OnFailure": {"Destination": {"Fn::GetAtt": ["Dead", "Arn"]}},
        },
        "Qualifier": "$LATEST",
        "MaximumEventAgeInSeconds": 60,
        "MaximumRetryAttempts": 0,
    }
    assert "DestinationConfig" not in properties(result, "CLambdaEvConf")
    assert [statement["Action"] for statement in statements(result)] == [
        "lambda:InvokeFunction",
        "sqs:SendMessage",
        "sns:Publish",
    ]


def test_a_url_is_open_or_signed() -> None:
    result = translate(
        HEAD
        + "functions: {a: {handler: h.h, url: true}, b: {handler: h.h, url: {authorizer: aws_iam,"
        " cors: true, invokeMode: RESPONSE_STREAM}}}"
    )
    assert properties(result, "ALambdaFunctionUrl")["AuthType"] == "NONE"
    action = properties(result, "ALambdaPermissionFnUrl")["Action"]
    assert action == "lambda:InvokeFunctionUrl"
    signed = properties(result, "BLambdaFunctionUrl")
    assert signed["AuthType"] == "AWS_IAM"
    assert signed["Cors"]["AllowOrigins"] == ["*"]
    assert "BLambdaPermissionFnUrl" not in result.template["Resources"]


def test_no_logs_means_no_group_and_a_denial() -> None:
    result = one_function("disableLogs: true")
    assert "HelloLogGroup" not in result.template["Resources"]
    assert statements(result)[0]["Effect"] == "Deny"


def test_a_condition_holds_for_all_that_belongs_to_the_function() -> None:
    result = one_function("condition: C", rest="resources: {Conditions: {C: !Equals [a, b]}}")
    resources = result.template["Resources"]
    assert resources["HelloLambdaFunction"]["Condition"] == "C"
    assert resources["HelloLogGroup"]["Condition"] == "C"
    assert result.template["Outputs"]["HelloLambdaFunctionQualifiedArn"]["Condition"] == "C"


def test_an_image_needs_no_handler() -> None:
    result = translate(HEAD + "functions: {a: {image: {uri: 'repo:1', command: [app.handler]}}}")
    found = properties(result, "ALambdaFunction")
    assert found["Code"] == {"ImageUri": "repo:1"}
    assert found["ImageConfig"] == {"Command": ["app.handler"]}
    assert result.plan.artifacts == ()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("memorySize: 64", "functions.hello.memorySize: expected an integer from 128 to 10240, found 64"),
        ("timeout: 901", "functions.hello.timeout: expected an integer from 1 to 900, found 901"),
        ("handler: [a]", "functions.hello.handler: "),
        ("environment: {a-b: 1}", "environment.a-b: expected a name of letters, digits and underscores"),
        ("destinations: {onSuccess: nobody}", "expected a function of this service or an ARN, found 'nobody'"),
        ("destinations: {onSuccess: !Ref X}", "a destination given as a function needs its type"),
        ("maximumRetryAttempts: 3", "expected an integer from 0 to 2, found 3"),
        ("tracing: Loud", "expected one of Active, PassThrough"),
        ("architecture: mips", "expected one of x86_64, arm64"),
    ],
)  # fmt: skip
def test_says_which_setting_is_wrong(settings: str, message: str) -> None:
    text = HEAD + "functions:\n  hello:\n    " + settings
    if not settings.startswith("handler"):
        text += "\n    handler: h.h"
    with pytest.raises(ServiceFileError) as caught:
        translate(text)
    assert message in str(caught.value)


def test_a_missing_handler_or_runtime_is_named() -> None:
    with pytest.raises(ServiceFileError, match=r"functions\.a\.handler: expected module\.function"):
        translate(HEAD + "functions: {a: {timeout: 3}}")
    with pytest.raises(ServiceFileError, match=r"provider\.runtime: expected a runtime"):
        translate("service: s\nprovider: {name: aws}\nfunctions: {a: {handler: h.h}}")


def test_vpc_is_ignored_with_a_warning() -> None:
    result = one_function("vpc: {subnetIds: [a]}")
    assert "functions.hello.vpc: has no meaning here; ignored" in result.warnings[0]
    assert "VpcConfig" not in properties(result, "HelloLambdaFunction")


def test_durable_functions_are_reached_through_an_alias() -> None:
    result = one_function(
        "durableConfig: {executionTimeout: 3600, retentionPeriodInDays: 7}\n"
        "events: [schedule: rate(1 hour)]"
    )
    found = properties(result, "HelloLambdaFunction")
    assert found["DurableConfig"] == {"ExecutionTimeout": 3600, "RetentionPeriodInDays": 7}
    assert properties(result, "HelloDurableLambdaAlias")["Name"] == "durable"
    rule = properties(result, "HelloEventsRuleSchedule1")
    assert rule["Targets"][0]["Arn"]["Fn::Join"][1][1] == "durable"
    assert statements(result)[-1]["Action"] == [
        "lambda:CheckpointDurableExecution",
        "lambda:GetDurableExecutionState",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("durableConfig: {retentionPeriodInDays: 7}", "executionTimeout"),
        ("durableConfig: {executionTimeout: 0}", "executionTimeout"),
        ("durableConfig: {executionTimeout: 1}\nmaximumRetryAttempts: 1", "durable functions"),
    ],
)
def test_durable_settings_that_make_no_sense(text: str, told: str) -> None:
    with pytest.raises(ServiceFileError, match=told):
        one_function(text)


def test_snap_start_brings_a_version_and_an_alias_for_events() -> None:
    result = one_function(
        "runtime: python3.12\nsnapStart: true\nurl: true", "versionFunctions: false"
    )
    function = properties(result, "HelloLambdaFunction")
    assert function["SnapStart"] == {"ApplyOn": "PublishedVersions"}
    (version,) = resource_ids(result, "AWS::Lambda::Version")
    alias = properties(result, "HelloSnapStartLambdaAlias")
    assert alias["Name"] == "snapstart"
    assert alias["FunctionVersion"] == {"Fn::GetAtt": [version, "Version"]}
    assert "ProvisionedConcurrencyConfig" not in alias
    url = properties(result, "HelloLambdaFunctionUrl")
    assert url["TargetFunctionArn"]["Fn::Join"][1][1] == "snapstart"
