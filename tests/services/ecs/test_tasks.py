"""Tasks from RunTask to STOPPED."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.services.ecs.conftest import Bench, container

from pileus.compute.tasks import ANSWERS_EVERY_S
from pileus.testing.tasks import SLOW_PULL_S
from pileus.values.errors import ServiceError


def _log(group: str = "g", **more: str) -> dict[str, Any]:
    options = {"awslogs-group": group, "awslogs-stream-prefix": "p", **more}
    return {"logDriver": "awslogs", "options": options}


async def test_a_task_runs_to_its_end(bench: Bench) -> None:
    await bench("CreateLogGroup", "logs", logGroupName="g")
    arn = await bench.run(container(image="brief", logConfiguration=_log()))
    told = await bench.task(arn)
    assert told["lastStatus"] == told["desiredStatus"] == "RUNNING"
    assert told["containers"][0]["lastStatus"] == "RUNNING"
    assert "exitCode" not in told["containers"][0]
    await bench.advance(6)
    told = await bench.task(arn)
    assert told["lastStatus"] == told["desiredStatus"] == "STOPPED"
    assert told["stopCode"] == "EssentialContainerExited"
    assert told["stoppedReason"] == "Essential container in task exited"
    assert told["containers"][0]["exitCode"] == 0
    moments = [told[name] for name in ("createdAt", "pullStartedAt", "startedAt", "stoppingAt")]
    assert moments == sorted(moments)
    assert bench.tasks.host.tasks == {}
    stream = f"p/main/{arn.rpartition('/')[2]}"
    found = await bench("GetLogEvents", "logs", logGroupName="g", logStreamName=stream)
    assert [event["message"] for event in found["events"]] == ["begun", "nearly"]
    assert found["events"][1]["timestamp"] - found["events"][0]["timestamp"] == 4000


async def test_finding_the_image_has_a_beginning_and_an_end(bench: Bench) -> None:
    arn = await bench.run(container(image="slow"))
    assert (await bench.task(arn))["lastStatus"] == "PROVISIONING"
    await bench.advance(SLOW_PULL_S)
    told = await bench.task(arn)
    assert told["lastStatus"] == "RUNNING"
    took = told["pullStoppedAt"] - told["pullStartedAt"]
    assert took.total_seconds() == SLOW_PULL_S


async def test_keys_are_left_for_when_the_platform_is_away(bench: Bench) -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"},
             "Action": "sts:AssumeRole"}  # fmt: skip
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = await bench("CreateRole", "iam", RoleName="r", AssumeRolePolicyDocument=document)
    await bench.define(container(), taskRoleArn=role["Role"]["Arn"])
    told = await bench("RunTask", taskDefinition="f")
    task_id = told["tasks"][0]["taskArn"].rpartition("/")[2]
    await bench.advance(0.1)
    [(path, first)] = bench.tasks.host.tasks[task_id].answers.items()
    assert path.startswith("/v2/credentials/")
    assert json.loads(first)["RoleArn"] == role["Role"]["Arn"]
    await bench.advance(2 * ANSWERS_EVERY_S)
    [(_, later)] = bench.tasks.host.tasks[task_id].answers.items()
    assert json.loads(later)["Expiration"] > json.loads(first)["Expiration"]
    await bench.again()
    assert path in bench.tasks.host.tasks[task_id].answers


async def test_a_task_without_a_role_has_no_keys(bench: Bench) -> None:
    arn = await bench.run(container())
    assert bench.tasks.host.tasks[arn.rpartition("/")[2]].answers == {}


@pytest.mark.parametrize(
    ("image", "code", "reason"),
    [
        ("fails", 3, None),
        ("hog", 137, "OutOfMemoryError: Container killed due to memory usage"),
    ],
)
async def test_ends_are_told(bench: Bench, image: str, code: int, reason: str | None) -> None:
    arn = await bench.run(container(image=image))
    await bench.advance(2)
    told = (await bench.task(arn))["containers"][0]
    assert told["exitCode"] == code
    assert told.get("reason") == reason


async def test_what_cannot_start_is_told(bench: Bench) -> None:
    arn = await bench.run(container(image="absent"))
    told = await bench.task(arn)
    assert told["stopCode"] == "TaskFailedToStart"
    assert told["stoppedReason"].startswith("CannotStartContainerError: Error response from daemon")
    assert "exitCode" not in told["containers"][0]


async def test_an_image_that_is_not_there_is_told(bench: Bench) -> None:
    told = await bench.task(await bench.run(container(image="missing:1")))
    assert told["stopCode"] == "TaskFailedToStart"
    assert told["stoppedReason"] == "CannotPullContainerError: missing:1: not found"


async def test_stopping_asks_first_and_kills_after_the_time_out(bench: Bench) -> None:
    arn = await bench.run(container(image="stubborn", stopTimeout=7))
    await bench("StopTask", task=arn, reason="enough")
    await bench.advance(6)
    assert (await bench.task(arn))["lastStatus"] == "DEPROVISIONING"
    await bench.advance(1.1)
    told = await bench.task(arn)
    assert (told["lastStatus"], told["stopCode"], told["stoppedReason"]) == (
        "STOPPED",
        "UserInitiated",
        "enough",
    )
    assert told["containers"][0]["exitCode"] == 137


async def test_a_task_that_heeds_the_signal_stops_at_once(bench: Bench) -> None:
    arn = await bench.run(container())
    await bench("StopTask", task=arn)
    await bench.advance(0.1)
    assert (await bench.task(arn))["containers"][0]["exitCode"] == 143


async def test_containers_wait_for_each_other(bench: Bench) -> None:
    first = container("first", "brief", essential=False)
    needs = [{"containerName": "first", "condition": "SUCCESS"}]
    arn = await bench.run(first, container("second", "forever", dependsOn=needs))
    assert {name for _, name in bench.running} == {"first"}
    assert (await bench.task(arn))["lastStatus"] == "PENDING"
    await bench.advance(6)
    assert {name for _, name in bench.running} == {"second"}
    assert (await bench.task(arn))["lastStatus"] == "RUNNING"


async def test_a_condition_that_cannot_hold_ends_the_task(bench: Bench) -> None:
    first = container("first", "fails", essential=False)
    needs = [{"containerName": "first", "condition": "SUCCESS"}]
    arn = await bench.run(first, container("second", "forever", dependsOn=needs))
    await bench.advance(2)
    told = await bench.task(arn)
    assert told["stopCode"] == "TaskFailedToStart"
    assert [name for _, name in bench.tasks.host.starts] == ["first"]


async def test_health_is_waited_for(bench: Bench) -> None:
    check = {"command": ["CMD-SHELL", "true"], "interval": 5, "retries": 2}
    first = container("first", "healthy", healthCheck=check)
    needs = [{"containerName": "first", "condition": "HEALTHY"}]
    arn = await bench.run(first, container("second", dependsOn=needs))
    assert len(bench.running) == 1
    await bench.advance(6)
    assert len(bench.running) == 2
    assert (await bench.task(arn))["healthStatus"] == "HEALTHY"


async def test_the_end_of_an_essential_container_ends_the_others(bench: Bench) -> None:
    arn = await bench.run(container("main", "brief"), container("side", "forever"))
    await bench.advance(6)
    told = await bench.task(arn)
    assert told["lastStatus"] == "STOPPED"
    assert [one["exitCode"] for one in told["containers"]] == [0, 143]


async def test_overrides_environment_and_command(bench: Bench) -> None:
    environment = [{"name": "A", "value": "1"}, {"name": "B", "value": "1"}]
    override = {
        "name": "main",
        "command": ["brief", "x"],
        "environment": [{"name": "B", "value": "2"}],
    }
    await bench.run(
        container(environment=environment), overrides={"containerOverrides": [override]}
    )
    task = next(iter(bench.tasks.host.tasks.values()))
    spec = task.containers["main"].spec
    assert spec.command == ("brief", "x")
    assert (spec.environment["A"], spec.environment["B"]) == ("1", "2")
    assert spec.environment["ECS_CONTAINER_METADATA_URI_V4"].startswith("http://169.254.170.2/v4/")


async def test_secrets_come_from_parameters_and_secrets(bench: Bench) -> None:
    await bench("PutParameter", "ssm", Name="/db/pass", Value="p1", Type="SecureString")
    made = await bench(
        "CreateSecret",
        "secretsmanager",
        Name="key",
        SecretString=json.dumps({"a": "s1"}),
        ClientRequestToken="0" * 32,
    )
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "ecs-tasks.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    role = await bench(
        "CreateRole", "iam", RoleName="r", AssumeRolePolicyDocument=json.dumps(trust)
    )
    secrets = [
        {"name": "P", "valueFrom": "/db/pass"},
        {"name": "S", "valueFrom": f"{made['ARN']}:a::"},
        {"name": "WHOLE", "valueFrom": made["ARN"]},
    ]
    await bench.define(container(secrets=secrets), executionRoleArn=role["Role"]["Arn"])
    arn = (await bench("RunTask", taskDefinition="f"))["tasks"][0]["taskArn"]
    await bench.advance(0.1)
    task = bench.tasks.host.tasks[arn.rpartition("/")[2]]
    environment = task.containers["main"].spec.environment
    assert (environment["P"], environment["S"]) == ("p1", "s1")
    assert json.loads(environment["WHOLE"]) == {"a": "s1"}


async def test_a_secret_that_is_not_there_is_told(bench: Bench) -> None:
    trust = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "*"}, "Action": "sts:AssumeRole"}
            ],
        }
    )
    trust = trust.replace('"*"', '"ecs-tasks.amazonaws.com"')
    role = await bench("CreateRole", "iam", RoleName="r", AssumeRolePolicyDocument=trust)
    secrets = [{"name": "P", "valueFrom": "nothing"}]
    await bench.define(container(secrets=secrets), executionRoleArn=role["Role"]["Arn"])
    arn = (await bench("RunTask", taskDefinition="f"))["tasks"][0]["taskArn"]
    await bench.advance(0.1)
    told = await bench.task(arn)
    assert told["stopCode"] == "TaskFailedToStart"
    assert told["stoppedReason"].startswith(
        "ResourceInitializationError: unable to pull secrets or registry auth"
    )


async def test_environment_files_are_read(bench: Bench) -> None:
    await bench("CreateBucket", "s3", Bucket="files")
    await bench.platform("s3", "PutObject", b"# no\nA=1\nB = 2=3\n\n", Bucket="files", Key="x.env")
    files = [{"type": "s3", "value": "arn:aws:s3:::files/x.env"}]
    await bench.run(container(environmentFiles=files))
    spec = next(iter(bench.tasks.host.tasks.values())).containers["main"].spec
    assert (spec.environment["A"], spec.environment["B"]) == ("1", "2=3")


async def test_a_log_group_that_is_not_there_stops_the_start(bench: Bench) -> None:
    told = await bench.task(await bench.run(container(logConfiguration=_log("none"))))
    assert told["stopCode"] == "TaskFailedToStart"
    assert told["stoppedReason"].startswith(
        "ResourceInitializationError: failed to validate logger args"
    )
    assert bench.tasks.host.starts == []
    made = _log("none", **{"awslogs-create-group": "true"})
    told = await bench.task(await bench.run(container(logConfiguration=made)))
    assert told["lastStatus"] == "RUNNING"


async def test_tasks_survive_the_platform(bench: Bench) -> None:
    await bench("CreateLogGroup", "logs", logGroupName="g")
    arn = await bench.run(container(image="brief", logConfiguration=_log()))
    await bench.advance(2)
    await bench.again()
    assert (await bench.task(arn))["lastStatus"] == "RUNNING"
    await bench.advance(4)
    told = await bench.task(arn)
    assert told["containers"][0]["exitCode"] == 0
    assert len(bench.tasks.host.starts) == 1
    stream = f"p/main/{arn.rpartition('/')[2]}"
    found = await bench("GetLogEvents", "logs", logGroupName="g", logStreamName=stream)
    assert [event["message"] for event in found["events"]] == ["begun", "nearly"]


async def test_a_reboot_of_the_machine_is_told(bench: Bench) -> None:
    arn = await bench.run(container(image="long"))
    bench.tasks.host.reboot()
    await bench.again()
    told = await bench.task(arn)
    assert told["lastStatus"] == "STOPPED"
    assert told["stopCode"] == "TerminationNotice"
    assert "exitCode" not in told["containers"][0]


async def test_what_nobody_wants_is_ended(bench: Bench) -> None:
    arn = await bench.run(container(image="forever"))
    task_id = arn.rpartition("/")[2]
    orphan = bench.tasks.host.tasks[task_id]
    await bench("StopTask", task=arn)
    await bench.advance(1)
    bench.tasks.host.tasks[task_id] = orphan
    await bench.again()
    assert bench.tasks.host.tasks == {}


async def test_a_client_token_runs_once(bench: Bench) -> None:
    await bench.define()
    given = {"taskDefinition": "f", "clientToken": "t", "count": 2}
    first = await bench("RunTask", **given)
    second = await bench("RunTask", **given)
    assert [task["taskArn"] for task in first["tasks"]] == [
        task["taskArn"] for task in second["tasks"]
    ]
    with pytest.raises(ServiceError, match="ConflictException"):
        await bench("RunTask", **{**given, "count": 1})


async def test_there_is_no_room(bench: Bench) -> None:
    await bench.define(memory="7168")
    assert not (await bench("RunTask", taskDefinition="f"))["failures"]
    await bench.advance(0.1)
    told = await bench("RunTask", taskDefinition="f")
    assert told["tasks"] == []
    assert told["failures"][0]["reason"] == "RESOURCE:MEMORY"


async def test_gpus_are_refused_clearly(bench: Bench) -> None:
    await bench.define(container(resourceRequirements=[{"type": "GPU", "value": "1"}]))
    told = await bench("RunTask", taskDefinition="f")
    assert told["failures"][0]["reason"] == "RESOURCE:GPU"
    assert told["failures"][0]["detail"] == "no GPU on any node"


async def test_listing(bench: Bench) -> None:
    first = await bench.run(container(), startedBy="me")
    second = await bench.run(container("main", "fails"))
    await bench.advance(2)
    assert (await bench("ListTasks"))["taskArns"] == [first]
    assert (await bench("ListTasks", desiredStatus="STOPPED"))["taskArns"] == [second]
    assert (await bench("ListTasks", startedBy="me"))["taskArns"] == [first]
    assert (await bench("ListTasks", family="other"))["taskArns"] == []


async def test_stopped_tasks_are_forgotten_after_an_hour(bench: Bench) -> None:
    arn = await bench.run(container(image="fails"))
    await bench.advance(3590)
    assert (await bench.task(arn))["lastStatus"] == "STOPPED"
    await bench.advance(20)
    told = await bench("DescribeTasks", tasks=[arn])
    assert told["failures"] == [{"arn": arn, "reason": "MISSING"}]


async def test_changes_of_state_are_events(bench: Bench) -> None:
    await bench("CreateQueue", "sqs", QueueName="q")
    pattern = {"source": ["aws.ecs"], "detail-type": ["ECS Task State Change"]}
    await bench("PutRule", "events", Name="r", EventPattern=json.dumps(pattern))
    target = {"Id": "1", "Arn": "arn:aws:sqs:us-east-1:000000000000:q"}
    await bench("PutTargets", "events", Rule="r", Targets=[target])
    arn = await bench.run(container(image="brief"))
    await bench.advance(8)
    url = (await bench("GetQueueUrl", "sqs", QueueName="q"))["QueueUrl"]
    found = []
    while got := (await bench("ReceiveMessage", "sqs", QueueUrl=url, MaxNumberOfMessages=10)).get(
        "Messages"
    ):
        found += [json.loads(message["Body"])["detail"] for message in got]
    found.sort(key=lambda detail: detail["version"])
    states = [detail["lastStatus"] for detail in found]
    assert list(dict.fromkeys(states)) == [
        "PROVISIONING", "PENDING", "RUNNING", "DEPROVISIONING", "STOPPED",
    ]  # fmt: skip
    assert {detail["taskArn"] for detail in found} == {arn}
    assert found[-1]["containers"][0]["exitCode"] == 0


def _used(pairs: list[dict[str, str]]) -> dict[str, str]:
    return {
        pair["name"].removeprefix("pileus."): pair["value"]
        for pair in pairs
        if pair["name"].startswith("pileus.")
    }


async def _cluster(bench: Bench) -> dict[str, str]:
    told = await bench("DescribeClusters", include=["STATISTICS"])
    return _used(told["clusters"][0]["statistics"])


async def test_usage_is_metered_by_the_task_and_the_cluster(bench: Bench) -> None:
    await bench.define(container(image="fails"), cpu="512", memory="1024")
    told = await bench("RunTask", taskDefinition="f")
    await bench.advance(3)
    used = {"vcpu-seconds": "30", "gb-seconds": "60"}  # a minute at least
    assert _used((await bench.task(told["tasks"][0]["taskArn"]))["attributes"]) == used
    assert await _cluster(bench) == {"tasks": "1", **used}


async def test_usage_grows_while_a_task_runs_and_survives_a_crash(bench: Bench) -> None:
    await bench.define(container(image="fails"), cpu="512", memory="1024")
    await bench("RunTask", taskDefinition="f")
    await bench.advance(3)
    await bench.define(container(memory=2048, cpu=1024), family="unbounded")
    told = await bench("RunTask", taskDefinition="unbounded")
    await bench.advance(100)
    await bench.again()
    await bench.advance(20)
    task = await bench.task(told["tasks"][0]["taskArn"])
    seconds = float(_used(task["attributes"])["vcpu-seconds"])
    assert 120 <= seconds < 125
    whole = await _cluster(bench)
    assert whole["tasks"] == "2"
    assert float(whole["gb-seconds"]) == pytest.approx(60 + 2 * seconds)
    quantities = bench.platform.kernel.meter.quantities("000000000000")
    assert (quantities["ecs:tasks"], quantities["ecs:gb_seconds"]) == (1, 60)


async def test_a_task_that_never_began_costs_nothing(bench: Bench) -> None:
    mounts = [{"sourceVolume": "v", "containerPath": "/v"}]
    volumes = [{"name": "v", "host": {"sourcePath": "/not/allowed"}}]
    await bench.define(container(mountPoints=mounts), cpu="512", memory="1024", volumes=volumes)
    await bench("RunTask", taskDefinition="f")
    await bench.advance(3)
    assert await _cluster(bench) == {"tasks": "0", "vcpu-seconds": "0", "gb-seconds": "0"}


REFUSED = [
    ({"taskDefinition": "none"}, "ClientException", "TaskDefinition not found."),
    ({"cluster": "none"}, "ClusterNotFoundException", "Cluster not found."),
    ({"count": 11}, "InvalidParameterException", "count must be between 1 and 10."),
    (
        {"overrides": {"containerOverrides": [{"name": "x"}]}},
        "InvalidParameterException",
        "Override for container named x is not a container in the TaskDefinition.",
    ),
    (
        {"launchType": "FARGATE"},
        "InvalidParameterException",
        "Task definition does not support launch_type FARGATE.",
    ),
]


@pytest.mark.parametrize(("given", "code", "message"), REFUSED)
async def test_refusals(bench: Bench, given: dict[str, Any], code: str, message: str) -> None:
    await bench.define()
    with pytest.raises(ServiceError) as refused:
        await bench("RunTask", **{"taskDefinition": "f", **given})
    assert (refused.value.code, refused.value.message) == (code, message)


async def test_starting_on_an_instance_is_refused(bench: Bench) -> None:
    await bench.define()
    with pytest.raises(ServiceError, match="use RunTask"):
        await bench("StartTask", taskDefinition="f", containerInstances=["i"])


async def test_an_unknown_task_cannot_be_stopped(bench: Bench) -> None:
    with pytest.raises(ServiceError, match="The referenced task was not found"):
        await bench("StopTask", task="nothing")
