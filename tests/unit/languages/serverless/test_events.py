from typing import Any

import pytest

from pileus.languages.serverless import ServiceFileError

from .support import one_function, properties, resource_ids, statements

HELLO = {"Fn::GetAtt": ["HelloLambdaFunction", "Arn"]}


def test_buckets_gather_their_notifications() -> None:
    result = one_function(
        "events: [{s3: plain-bucket}, {s3: {bucket: plain-bucket, event: 's3:ObjectRemoved:*',"
        " rules: [{prefix: a/}, {suffix: .x}]}}]"
    )
    bucket = result.template["Resources"]["S3BucketPlainbucket"]
    assert bucket["DependsOn"] == ["HelloLambdaPermissionPlainbucketS3"]
    plain, ruled = bucket["Properties"]["NotificationConfiguration"]["LambdaConfigurations"]
    assert plain == {"Event": "s3:ObjectCreated:*", "Function": HELLO}
    assert ruled["Filter"]["S3Key"]["Rules"] == [
        {"Name": "prefix", "Value": "a/"},
        {"Name": "suffix", "Value": ".x"},
    ]


def test_a_bucket_may_be_configured_under_the_provider() -> None:
    result = one_function(
        "events: [{s3: {bucket: pictures}}]",
        "s3: {pictures: {name: real-name, versioningConfiguration: {Status: Enabled}}}",
    )
    assert properties(result, "S3BucketPictures")["BucketName"] == "real-name"
    assert properties(result, "S3BucketPictures")["VersioningConfiguration"] == {
        "Status": "Enabled"
    }


def test_an_existing_bucket_is_only_told_to_notify() -> None:
    result = one_function("events: [{s3: {bucket: theirs, existing: true}}]")
    assert resource_ids(result, "AWS::S3::Bucket") == ["ServerlessDeploymentBucket"]
    assert result.template["Resources"]["HelloCustomS31"] == {
        "Type": "Pileus::S3::BucketNotification",
        "DependsOn": ["HelloLambdaPermissionExisting1S3"],
        "Properties": {
            "Bucket": "theirs",
            "LambdaConfigurations": [{"Event": "s3:ObjectCreated:*", "Function": HELLO}],
        },
    }


def test_schedules_number_their_rates() -> None:
    result = one_function("""
events:
  - schedule: rate(5 minutes)
  - schedule: {rate: ['cron(0 12 * * ? *)', rate(1 hour)], enabled: false, input: {k: v}}
  - schedule: {rate: rate(2 hours), method: scheduler, timezone: Europe/Berlin}
  - schedule: {rate: rate(3 hours), inputPath: $.a, name: mine, description: text}
""")
    assert properties(result, "HelloEventsRuleSchedule1") == {
        "ScheduleExpression": "rate(5 minutes)",
        "State": "ENABLED",
        "Targets": [{"Arn": HELLO, "Id": "helloSchedule"}],
    }
    third = properties(result, "HelloEventsRuleSchedule3")
    assert (third["ScheduleExpression"], third["State"]) == ("rate(1 hour)", "DISABLED")
    assert third["Targets"][0]["Input"] == '{"k":"v"}'
    schedule = properties(result, "HelloSchedulerSchedule4")
    assert schedule["ScheduleExpressionTimezone"] == "Europe/Berlin"
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert properties(result, "HelloEventsRuleSchedule5")["Name"] == "mine"
    source = properties(result, "HelloLambdaPermissionEventsRuleSchedule5")["SourceArn"]
    assert source == {"Fn::GetAtt": ["HelloEventsRuleSchedule5", "Arn"]}
    role = properties(result, "IamRoleLambdaExecution")["AssumeRolePolicyDocument"]
    assert role["Statement"][0]["Principal"]["Service"] == [
        "lambda.amazonaws.com",
        "scheduler.amazonaws.com",
    ]


def test_event_bridge_rules_on_three_kinds_of_bus() -> None:
    result = one_function("""
events:
  - eventBridge:
      eventBus: my-bus
      pattern: {source: [app]}
      inputTransformer: {inputPathsMap: {a: $.detail}, inputTemplate: '{"x": <a>}'}
      retryPolicy: {maximumEventAge: 3600, maximumRetryAttempts: 3}
      deadLetterQueueArn: !GetAtt Q.Arn
  - eventBridge:
      {eventBus: 'arn:aws:events:r:1:event-bus/other', pattern: {source: [b]}, inputPath: $.d}
  - eventBridge: {eventBus: !Ref Bus, schedule: rate(1 day), input: {a: 1}, enabled: false}
""")
    first = result.template["Resources"]["Shopdevhellorule1EventBridgeRule"]
    assert first["DependsOn"] == "MyDashbusEventBridgeEventBus"
    assert first["Properties"]["Targets"] == [
        {
            "Arn": HELLO,
            "Id": "shop-dev-hello-rule-1-target",
            "RetryPolicy": {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 3},
            "DeadLetterConfig": {"Arn": {"Fn::GetAtt": ["Q", "Arn"]}},
            "InputTransformer": {
                "InputPathsMap": {"a": "$.detail"},
                "InputTemplate": '{"x": <a>}',
            },
        }
    ]
    assert properties(result, "Shopdevhellorule2EventBridgeRule")["EventBusName"] == "other"
    third = properties(result, "Shopdevhellorule3EventBridgeRule")
    assert third["EventBusName"] == {"Ref": "Bus"}
    assert third["State"] == "DISABLED"
    source = properties(result, "HelloEventBridgeLambdaPermission1")["SourceArn"]
    assert source["Fn::Join"][1][-1] == {
        "Fn::Join": ["/", ["rule", "my-bus", "shop-dev-hello-rule-1"]]
    }


def test_rule_names_stay_within_64_characters() -> None:
    from pileus.languages.serverless.names import rule_name

    long = rule_name("a" * 80, 1)
    assert len(long) == 64
    assert long != rule_name("a" * 80, 2)


def test_queues_are_mapped_and_permitted() -> None:
    result = one_function("""
events:
  - sqs: arn:aws:sqs:eu-west-1:123456789012:my-queue
  - sqs:
      arn: !GetAtt Q.Arn
      batchSize: 20
      maximumBatchingWindow: 5
      functionResponseType: ReportBatchItemFailures
      maximumConcurrency: 4
      enabled: false
      filterPatterns: [{body: {a: [1]}}]
  - sqs: {arn: {'Fn::ImportValue': Exported}}
""")
    mapping = result.template["Resources"]["HelloEventSourceMappingSQSQ"]
    assert mapping["DependsOn"] == ["IamRoleLambdaExecution"]
    assert mapping["Properties"] == {
        "BatchSize": 20,
        "MaximumBatchingWindowInSeconds": 5,
        "EventSourceArn": {"Fn::GetAtt": ["Q", "Arn"]},
        "FunctionName": HELLO,
        "Enabled": False,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "FilterCriteria": {"Filters": [{"Pattern": '{"body":{"a":[1]}}'}]},
        "ScalingConfig": {"MaximumConcurrency": 4},
    }
    assert properties(result, "HelloEventSourceMappingSQSMyqueue")["BatchSize"] == 10
    (statement,) = statements(result)
    assert statement["Resource"] == [
        "arn:aws:sqs:eu-west-1:123456789012:my-queue",
        {"Fn::GetAtt": ["Q", "Arn"]},
        {"Fn::ImportValue": "Exported"},
    ]


def test_topics_are_made_or_subscribed_to() -> None:
    result = one_function("""
events:
  - sns: dispatch
  - sns: arn:aws:sns:us-east-1:123456789012:other-topic
  - sns: arn:aws:sns:eu-west-1:123456789012:far
  - sns:
      topicName: aggregate
      displayName: Data
      filterPolicy: {pet: [dog]}
      filterPolicyScope: MessageBody
      redrivePolicy: {deadLetterTargetRef: Q}
""")
    assert properties(result, "SNSTopicDispatch") == {
        "TopicName": "dispatch",
        "Subscription": [{"Endpoint": HELLO, "Protocol": "lambda"}],
    }
    assert "Region" not in properties(result, "HelloSnsSubscriptionOthertopic")
    assert properties(result, "HelloSnsSubscriptionFar")["Region"] == "eu-west-1"
    assert properties(result, "HelloSnsSubscriptionAggregate") == {
        "TopicArn": {"Ref": "SNSTopicAggregate"},
        "Protocol": "lambda",
        "Endpoint": HELLO,
        "FilterPolicy": {"pet": ["dog"]},
        "FilterPolicyScope": "MessageBody",
        "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["Q", "Arn"]}},
    }
    assert properties(result, "AggregateToHelloDLQPolicy")["Queues"] == [{"Ref": "Q"}]


def test_streams_logs_and_bus_events() -> None:
    result = one_function("""
events:
  - stream: arn:aws:kinesis:us-east-1:123456789012:stream/foo
  - stream: {type: dynamodb, arn: !GetAtt T.StreamArn, batchSize: 5, startingPosition: LATEST,
             bisectBatchOnFunctionError: true, maximumRetryAttempts: 2,
             destinations: {onFailure: 'arn:aws:sqs:us-east-1:123456789012:dlq'}}
  - stream: {arn: 'arn:aws:kinesis:us-east-1:123456789012:stream/bar', consumer: true}
  - cloudwatchEvent: {event: {source: [aws.ec2]}, inputPath: $.detail}
  - cloudwatchLog: /aws/lambda/x
  - cloudwatchLog: {logGroup: /aws/lambda/y, filter: ERROR}
""")
    assert properties(result, "HelloEventSourceMappingKinesisFoo")["StartingPosition"] == (
        "TRIM_HORIZON"
    )
    table = properties(result, "HelloEventSourceMappingDynamodbT")
    assert table["BisectBatchOnFunctionError"] is True
    assert table["DestinationConfig"]["OnFailure"]["Destination"].endswith(":dlq")
    consumed = properties(result, "HelloEventSourceMappingKinesisBar")
    assert consumed["EventSourceArn"] == {"Ref": "HellobarConsumerStreamConsumer"}
    rule = properties(result, "HelloEventsRuleCloudWatchEvent1")
    assert rule["Targets"] == [
        {"InputPath": "$.detail", "Arn": HELLO, "Id": "helloCloudWatchEvent"}
    ]
    assert properties(result, "HelloLogsSubscriptionFilterCloudWatchLog2")["FilterPattern"] == (
        "ERROR"
    )
    permission = "HelloLambdaPermissionLogsSubscriptionFilterCloudWatchLog"
    assert "/aws/lambda/*" in properties(result, permission)["SourceArn"]["Fn::Join"][1]


def test_http_becomes_the_gateway_types() -> None:
    result = one_function("""
events:
  - http: GET /hello/{id}
  - http: {method: post, path: /, cors: true, authorizer: aws_iam, private: true}
  - httpApi: POST /x/{proxy+}
  - httpApi: '*'
""")
    get = properties(result, "ApiGatewayMethodHelloIdVarGet")
    assert get["ResourceId"] == {"Ref": "ApiGatewayResourceHelloIdVar"}
    post = properties(result, "ApiGatewayMethodPost")
    assert (post["AuthorizationType"], post["ApiKeyRequired"]) == ("AWS_IAM", True)
    assert properties(result, "ApiGatewayMethodOptions")["Integration"]["Type"] == "MOCK"
    (deployment,) = resource_ids(result, "AWS::ApiGateway::Deployment")
    assert result.template["Resources"][deployment]["DependsOn"] == [
        "ApiGatewayMethodHelloIdVarGet",
        "ApiGatewayMethodPost",
        "ApiGatewayMethodOptions",
    ]
    assert properties(result, "HttpApiRoutePostXProxyVar")["RouteKey"] == "POST /x/{proxy+}"
    assert properties(result, "HttpApiRouteDefault")["RouteKey"] == "$default"
    assert {"ServiceEndpoint", "HttpApiId", "HttpApiUrl"} <= set(result.template["Outputs"])


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ("{bogus: 1}", "functions.hello.events.0: event bogus is not supported; expected one of"),
        ("{s3: {event: 's3:ObjectCreated:*'}}", "events.0.s3.bucket: expected a bucket's name"),
        ("{s3: {bucket: b, rules: [{infix: x}]}}", "rules.0.infix: expected prefix or suffix"),
        ("{schedule: sometimes}", "events.0.schedule: expected rate(…), cron(…) or at(…), found 'sometimes'"),
        ("{schedule: {rate: [rate(1 hour), rate(2 hours)], name: x}}", "more than one rate"),
        ("{eventBridge: {eventBus: x}}", "events.0.eventBridge: expected pattern or schedule"),
        ("{eventBridge: {pattern: {a: [b]}, input: 1, inputPath: $.x}}", "only one of input, inputPath"),
        ("{sqs: my-queue}", "events.0.sqs: expected an ARN, found 'my-queue'"),
        ("{sqs: {arn: 'arn:aws:sqs:r:1:q', batchSize: 0}}", "batchSize: expected an integer from 1 to 10000, found 0"),
        ("{stream: {arn: !GetAtt T.StreamArn}}", "stream.type: expected kinesis or dynamodb"),
        ("{http: HELLO}", "events.0.http: expected METHOD /path, found 'HELLO'"),
        ("{http: {method: get, path: /, authorizer: mine}}", "only authorizer aws_iam is translated"),
        ("s3", "events.0: expected a mapping, found 's3'"),
        ("{s3: a, sqs: b}", "expected one event: a single key"),
    ],
)  # fmt: skip
def test_says_where_an_event_is_wrong(event: str, message: str) -> None:
    with pytest.raises(ServiceFileError) as caught:
        one_function(f"events: [{event}]")
    assert message in str(caught.value)


def test_unknown_settings_are_warned_about() -> None:
    result = one_function("events: [{sqs: {arn: 'arn:aws:sqs:r:1:q', batchsize: 3}}]")
    assert result.warnings == (
        "serverless.yml: functions.hello.events.0.sqs.batchsize: unrecognized property; ignored",
    )


def test_events_go_through_the_alias_of_provisioned_concurrency() -> None:
    result = one_function("provisionedConcurrency: 2\nevents: [{sqs: 'arn:aws:sqs:us-east-1:1:q'}]")
    mapping: Any = result.template["Resources"]["HelloEventSourceMappingSQSQ"]
    assert mapping["DependsOn"] == ["IamRoleLambdaExecution", "HelloProvConcLambdaAlias"]
    assert mapping["Properties"]["FunctionName"] == {"Fn::Join": [":", [HELLO, "provisioned"]]}
    alias = properties(result, "HelloProvConcLambdaAlias")
    assert alias["ProvisionedConcurrencyConfig"] == {"ProvisionedConcurrentExecutions": 2}
