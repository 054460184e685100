"""The few building blocks that the program declares, each made of CloudFormation resources.

They stand where the seed has Pulumi's ``cloud.Bucket`` and ``cloud.Task``. Nothing is deployed here:
a :class:`Stack` collects resources, and its template is deployed by any tool that takes one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CPU_UNITS = 256
"""A quarter of a CPU, the most that Fargate gives to 512 MB and the least it gives at all."""
FUNCTION_TIMEOUT_S = 30
FUNCTION_MEMORY_MB = 256
LOG_DAYS = 14

Json = dict[str, Any]


def ref(name: str) -> Json:
    """What ``Ref`` gives for a resource or parameter."""
    return {"Ref": name}


def attribute(name: str, member: str = "Arn") -> Json:
    """What ``Fn::GetAtt`` gives."""
    return {"Fn::GetAtt": [name, member]}


def sub(text: str) -> Json:
    """Text in which ``${...}`` is replaced when the stack is made."""
    return {"Fn::Sub": text}


class Stack:
    """Resources by their logical ids.

    Args:
        folder: what the program's paths are relative to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.resources: dict[str, Json] = {}
        self.parameters: dict[str, Json] = {}
        self.outputs: dict[str, Json] = {}

    def add(self, name: str, kind: str, properties: Json, **more: Any) -> None:
        """A resource. Raises ValueError when the name is taken."""
        if name in self.resources:
            raise ValueError(f"there are two resources of the name {name}")
        self.resources[name] = {"Type": kind, "Properties": properties, **more}

    def role(self, name: str, service: str, statements: list[Json]) -> None:
        """A role for a service to take, which may do what the statements say and nothing else."""
        trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        policy = {"Version": "2012-10-17", "Statement": statements}
        properties: Json = {
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]}
        }
        if statements:
            properties["Policies"] = [{"PolicyName": "its-work", "PolicyDocument": policy}]
        self.add(name, "AWS::IAM::Role", properties)

    def logs(self, name: str, group: Json) -> None:
        """A log group."""
        self.add(name, "AWS::Logs::LogGroup", {"LogGroupName": group, "RetentionInDays": LOG_DAYS})

    def template(self) -> str:
        """The CloudFormation template, as JSON."""
        template = {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Parameters": self.parameters,
            "Resources": self.resources,
            "Outputs": self.outputs,
        }
        return json.dumps({name: part for name, part in template.items() if part}, indent=2)


def allow(actions: str | list[str], resources: Any) -> Json:
    """A statement of a policy."""
    return {"Effect": "Allow", "Action": actions, "Resource": resources}


class Task:
    """A container task on Fargate, from a folder with a Dockerfile.

    The image is built from ``build`` and pushed to the task's repository, after the stack was made.
    """

    def __init__(self, stack: Stack, name: str, *, build: str, memory_reservation: int) -> None:
        if not (stack.folder / build / "Dockerfile").is_file():
            raise ValueError(f"{name}: there is no Dockerfile in {build}")
        self._stack = stack
        self.name = name
        self._statements: list[Json] = []
        self._cluster()
        repository = {
            # Names of repositories are in small letters.
            "RepositoryName": name.lower(),
            "EmptyOnDelete": True,
        }
        stack.add(f"{name}Repository", "AWS::ECR::Repository", repository)
        stack.logs(f"{name}Logs", sub(f"/ecs/${{AWS::StackName}}-{name}"))
        stack.role(f"{name}Role", "ecs-tasks.amazonaws.com", self._statements)
        stack.role(f"{name}ExecutionRole", "ecs-tasks.amazonaws.com", self._executing())
        container = {
            "Name": name,
            "Image": sub(f"${{{name}Repository.RepositoryUri}}:latest"),
            "Essential": True,
            "MemoryReservation": memory_reservation,
            "LogConfiguration": {
                "LogDriver": "awslogs",
                "Options": {
                    "awslogs-group": ref(f"{name}Logs"),
                    "awslogs-region": ref("AWS::Region"),
                    "awslogs-stream-prefix": name,
                },
            },
        }
        definition = {
            "Family": sub(f"${{AWS::StackName}}-{name}"),
            "RequiresCompatibilities": ["FARGATE"],
            "NetworkMode": "awsvpc",
            "Cpu": str(CPU_UNITS),
            "Memory": str(memory_reservation),
            "TaskRoleArn": attribute(f"{name}Role"),
            "ExecutionRoleArn": attribute(f"{name}ExecutionRole"),
            "ContainerDefinitions": [container],
        }
        stack.add(name, "AWS::ECS::TaskDefinition", definition)
        stack.outputs[f"{name}Image"] = {"Value": attribute(f"{name}Repository", "RepositoryUri")}

    def _cluster(self) -> None:
        if "cluster" in self._stack.resources:
            return
        self._stack.add("cluster", "AWS::ECS::Cluster", {"ClusterName": ref("AWS::StackName")})
        self._stack.outputs["cluster"] = {"Value": ref("cluster")}
        self._stack.parameters["Subnets"] = {
            "Type": "CommaDelimitedList",
            "Default": "subnet-00000000",
            "Description": "Where tasks run on AWS. Pileus has one network for each task and asks for none.",
        }

    def _executing(self) -> list[Json]:
        repository, log = attribute(f"{self.name}Repository"), attribute(f"{self.name}Logs")
        pull = [
            "ecr:BatchCheckLayerAvailability",
            "ecr:GetDownloadUrlForLayer",
            "ecr:BatchGetImage",
        ]
        return [
            allow("ecr:GetAuthorizationToken", "*"),
            allow(pull, repository),
            allow(["logs:CreateLogStream", "logs:PutLogEvents"], log),
        ]

    def may_use(self, bucket: Bucket) -> None:
        """Its containers may read and write the bucket's objects."""
        if not self._statements:
            policy = {"Version": "2012-10-17", "Statement": self._statements}
            role = self._stack.resources[f"{self.name}Role"]["Properties"]
            role["Policies"] = [{"PolicyName": "its-work", "PolicyDocument": policy}]
        self._statements.append(allow(["s3:GetObject", "s3:PutObject"], bucket.objects))
        self._statements.append(allow("s3:ListBucket", bucket.arn))

    def variables(self) -> Json:
        """By which a function finds the task."""
        return {
            "TASK_CLUSTER": ref("cluster"),
            "TASK_DEFINITION": ref(self.name),
            "TASK_CONTAINER": self.name,
            "TASK_SUBNETS": {"Fn::Join": [",", ref("Subnets")]},
        }

    def starting(self) -> list[Json]:
        """What a function must be allowed to start the task."""
        roles = [attribute(f"{self.name}Role"), attribute(f"{self.name}ExecutionRole")]
        return [allow("ecs:RunTask", ref(self.name)), allow("iam:PassRole", roles)]


class Bucket:
    """A bucket whose puts call functions."""

    def __init__(self, stack: Stack, name: str) -> None:
        self._stack = stack
        self._name = name
        # A name of its own and not Ref: the bucket itself refers to its functions, and may not be
        # referred to by them or by what they start.
        self._physical = f"${{AWS::StackName}}-{name.lower()}-${{AWS::AccountId}}"
        self.arn = sub(f"arn:${{AWS::Partition}}:s3:::{self._physical}")
        self.objects = sub(f"arn:${{AWS::Partition}}:s3:::{self._physical}/*")
        self._told: list[Json] = []
        self._permissions: list[str] = []
        properties = {
            "BucketName": sub(self._physical),
            "NotificationConfiguration": {"LambdaConfigurations": self._told},
        }
        stack.add(name, "AWS::S3::Bucket", properties, DependsOn=self._permissions)
        stack.outputs[name] = {"Value": ref(name)}

    def on_put(self, name: str, source: str, *, key_suffix: str, runs: Task | None = None) -> None:
        """Call the function in the file ``source`` for every object put whose key ends so.

        Events that it fails for three times lie in the queue ``<name>Failed``.

        Args:
            runs: the task that the function starts.
        """
        stack = self._stack
        stack.logs(f"{name}Logs", sub(f"/aws/lambda/${{AWS::StackName}}-{name}"))
        stack.add(f"{name}Failed", "AWS::SQS::Queue", {"MessageRetentionPeriod": 14 * 86_400})
        statements = [
            allow(["logs:CreateLogStream", "logs:PutLogEvents"], attribute(f"{name}Logs")),
            allow("sqs:SendMessage", attribute(f"{name}Failed")),
            *(runs.starting() if runs else []),
        ]
        stack.role(f"{name}Role", "lambda.amazonaws.com", statements)
        function = {
            "FunctionName": sub(f"${{AWS::StackName}}-{name}"),
            "Runtime": "python3.11",
            "Handler": "index.handler",
            "Code": {"ZipFile": (stack.folder / source).read_text()},
            "Role": attribute(f"{name}Role"),
            "Timeout": FUNCTION_TIMEOUT_S,
            "MemorySize": FUNCTION_MEMORY_MB,
            "DeadLetterConfig": {"TargetArn": attribute(f"{name}Failed")},
        }
        if runs:
            function["Environment"] = {"Variables": runs.variables()}
        stack.add(name, "AWS::Lambda::Function", function, DependsOn=[f"{name}Logs"])
        self._tell(name, key_suffix)

    def _tell(self, name: str, key_suffix: str) -> None:
        permission = {
            "Action": "lambda:InvokeFunction",
            "FunctionName": ref(name),
            "Principal": "s3.amazonaws.com",
            "SourceAccount": ref("AWS::AccountId"),
            "SourceArn": self.arn,
        }
        self._stack.add(f"{name}Permission", "AWS::Lambda::Permission", permission)
        self._permissions.append(f"{name}Permission")
        rule = {"Name": "suffix", "Value": key_suffix}
        self._told.append({
            "Event": "s3:ObjectCreated:*",
            "Function": attribute(name),
            "Filter": {"S3Key": {"Rules": [rule]}},
        })  # fmt: skip
