"""The seeds' files and fragments, as printed."""

import pytest

from .support import properties, resource_ids, translate

HELLO = """
service: myService

provider:
  name: aws
  runtime: python3.7

functions:
  hello:
    handler: handler.hello
"""

VIDEO = """\
functions:
  VideoIngress:
    handler: aws_lambda.run_detector.handler
    events:
      - s3:
          bucket: video-bucket
          event: s3:ObjectCreated:*
          rules:
            - suffix: .mkv
"""

CLEANING = """\
functions:
  CleaningReportGenerator:
    handler: aws_lambda.request_cleaning.handler
    events:
      - eventBridge:
          pattern:
            detail:
              responsePayload:
                command_type:
                  - request_cleaning
    destinations:
      onSuccess: arn:aws:events:::event-bus/default
"""

FULL = "service: edifice-corb\nprovider:\n  name: aws\n  runtime: python3.7\n"


def test_hello_has_the_framework_s_names() -> None:
    result = translate(HELLO)
    assert result.stack.name == "myService-dev"
    assert result.functions == {"hello": "myService-dev-hello"}
    version = resource_ids(result, "AWS::Lambda::Version")
    assert list(result.template["Resources"]) == [
        "ServerlessDeploymentBucket",
        "ServerlessDeploymentBucketPolicy",
        "HelloLogGroup",
        "HelloLambdaFunction",
        *version,
        "IamRoleLambdaExecution",
    ]
    assert result.template["Outputs"]["HelloLambdaFunctionQualifiedArn"] == {
        "Description": "Current Lambda function version",
        "Value": {"Ref": version[0]},
        "Export": {"Name": "sls-myService-dev-HelloLambdaFunctionQualifiedArn"},
    }
    assert properties(result, "HelloLambdaFunction") == {
        "Code": {
            "S3Bucket": {"Ref": "ServerlessDeploymentBucket"},
            "S3Key": "serverless/myService/dev/0-1970-01-01T00:00:00.000Z/myService.zip",
        },
        "Handler": "handler.hello",
        "Runtime": "python3.7",
        "FunctionName": "myService-dev-hello",
        "MemorySize": 1024,
        "Timeout": 6,
        "Role": {"Fn::GetAtt": ["IamRoleLambdaExecution", "Arn"]},
    }
    assert result.warnings == ()
    assert list(result.initial["Resources"]) == [
        "ServerlessDeploymentBucket",
        "ServerlessDeploymentBucketPolicy",
    ]


def _check_video(text: str) -> tuple[str, ...]:
    result = translate(FULL + text)
    bucket = result.template["Resources"]["S3BucketVideobucket"]
    assert bucket["DependsOn"] == ["VideoIngressLambdaPermissionVideobucketS3"]
    assert bucket["Properties"] == {
        "BucketName": "video-bucket",
        "NotificationConfiguration": {
            "LambdaConfigurations": [
                {
                    "Event": "s3:ObjectCreated:*",
                    "Function": {"Fn::GetAtt": ["VideoIngressLambdaFunction", "Arn"]},
                    "Filter": {"S3Key": {"Rules": [{"Name": "suffix", "Value": ".mkv"}]}},
                }
            ]
        },
    }
    permission = properties(result, "VideoIngressLambdaPermissionVideobucketS3")
    assert permission["Principal"] == "s3.amazonaws.com"
    assert permission["SourceAccount"] == {"Ref": "AWS::AccountId"}
    return result.warnings


def test_video_ingress_notifies_by_suffix() -> None:
    assert _check_video(VIDEO) == ()


SLIPS = {
    "rules beside s3": "      - s3:\n          bucket: video-bucket\n          event: s3:ObjectCreated:*\n"
    "        rules:\n          - suffix: .mkv\n",
    "everything beside s3": "      - s3:\n        bucket: video-bucket\n        event: s3:ObjectCreated:*\n"
    "        rules:\n          - suffix: .mkv\n",
    "rules as an event": "      - s3:\n          bucket: video-bucket\n          event: s3:ObjectCreated:*\n"
    "      - rules:\n          - suffix: .mkv\n",
    "rules beside a plain bucket": "      - s3: video-bucket\n        rules:\n          - suffix: .mkv\n",
}


@pytest.mark.parametrize("events", SLIPS.values(), ids=SLIPS.keys())
def test_rules_that_slipped_out_are_mended_with_a_warning(events: str) -> None:
    head = VIDEO[: VIDEO.index("      - s3")]
    (warning,) = _check_video(head + events)
    assert "functions.VideoIngress.events." in warning
    assert "instead of under it" in warning


def test_the_cleaning_report_has_a_rule_and_a_whole_bus_arn() -> None:
    result = translate(FULL + CLEANING)
    rule = properties(result, "EdificecorbdevCleaningReportGeneratorrule1EventBridgeRule")
    assert rule["EventPattern"] == {
        "detail": {"responsePayload": {"command_type": ["request_cleaning"]}}
    }
    assert rule["Name"] == "edifice-corb-dev-CleaningReportGenerator-rule-1"
    assert rule["State"] == "ENABLED"
    assert rule["Targets"][0]["Id"] == "edifice-corb-dev-CleaningReportGenerator-rule-1-target"
    bus = {"Fn::Sub": "arn:aws:events:${AWS::Region}:${AWS::AccountId}:event-bus/default"}
    assert properties(result, "CleaningReportGeneratorLambdaEvConf") == {
        "FunctionName": {"Ref": "CleaningReportGeneratorLambdaFunction"},
        "DestinationConfig": {"OnSuccess": {"Destination": bus}},
        "Qualifier": "$LATEST",
    }
    assert "lacks region or account" in result.warnings[0]


def test_both_fragments_stand_together_with_a_target_function() -> None:
    functions = VIDEO + CLEANING.removeprefix("functions:\n")
    result = translate(FULL + functions)
    assert set(result.functions.values()) == {
        "edifice-corb-dev-VideoIngress",
        "edifice-corb-dev-CleaningReportGenerator",
    }


STATE_MACHINE = """
stepFunctions:
  stateMachines:
    MyStateMachine:
      name: MyMachine
"""


def test_the_step_functions_plugin_is_refused_by_name() -> None:
    from pileus.languages.serverless import ServiceFileError

    text = HELLO + STATE_MACHINE + "plugins: [serverless-step-functions]\n"
    with pytest.raises(ServiceFileError, match=r"plugins: serverless-step-functions is not supp"):
        translate(text)
