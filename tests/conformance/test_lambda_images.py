"""Functions of container images with real clients: images pushed here, AWS's own Python client inside."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from pileus.testing.images import docker_archive, oci_layout, python_layer, tar_of
from tests.conformance.commands import Commands
from tests.conformance.live import LivePlatform
from tests.conformance.osls import osls_program

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)
HANDLER = """
import os, time

WORD = "first"
print("init of", WORD)


def handler(event, context):
    what = event.get("do")
    if what == "raise":
        raise ValueError("no such luck")
    if what == "hang":
        time.sleep(3600)
    if what == "eat":
        eaten = bytearray(400 << 20)
    if what == "exit":
        os._exit(3)
    if what == "sleep":
        time.sleep(event["s"])
        return "slept"
    if what == "write":
        told = {}
        for path in ("/tmp/x", "/srv/x", "/x", "/etc/x"):
            try:
                open(path, "w").close()
                told[path] = ""
            except OSError as error:
                told[path] = error.strerror
        return told
    if what == "boto3":
        import boto3
        boto3.client("sqs").send_message(QueueUrl=event["url"], MessageBody="from inside")
        return boto3.client("sts").get_caller_identity()["Arn"]
    if what == "surroundings":
        return {
            "cwd": os.getcwd(), "uid": os.getuid(), "root": sorted(os.listdir("/")),
            "tmp": os.statvfs("/tmp").f_blocks * os.statvfs("/tmp").f_frsize >> 20,
            "environment": dict(os.environ), "processes": [p for p in os.listdir("/proc") if p.isdigit()],
        }
    print("called with", event)
    return {"word": WORD, "event": event, "version": context.function_version}
"""
ENTRYPOINT = ["/usr/local/bin/python3", "-m", "awslambdaric"]
CONFIG = {"Entrypoint": ENTRYPOINT, "Cmd": ["app.handler"], "WorkingDir": "/srv", "User": "root",
          "Env": ["COLOUR=red", "SHAPE=round"]}  # fmt: skip


@pytest.fixture(scope="session")
def python_base() -> bytes:
    return python_layer("awslambdaric", "boto3", leaves_out=_is_of_other_services)


def _is_of_other_services(name: str) -> bool:
    steps = name.split("/")
    return steps[:2] == ["botocore", "data"] and len(steps) > 3 and steps[2] not in ("sqs", "sts")


def handler_layer(word: str) -> bytes:
    source = HANDLER.replace('"first"', f'"{word}"')
    users = b"root:x:0:0::/root:/bin/sh\n"
    files = {"srv/app.py": source.encode(), "srv/run.sh": b"#!/nowhere\n", "etc/passwd": users}
    return tar_of(files)


class Images:
    """A user of one live platform who has images in its registry."""

    def __init__(self, platform: LivePlatform, folder: Path) -> None:
        self.platform = platform
        self.folder = folder
        self.functions = platform.client("lambda", read_timeout=120)
        iam = platform.client("iam")
        try:
            iam.create_role(RoleName="images", AssumeRolePolicyDocument=TRUST)
        except iam.exceptions.EntityAlreadyExistsException:
            pass
        self.role = "arn:aws:iam::000000000000:role/images"

    def uri(self, name: str) -> str:
        return f"000000000000.dkr.ecr.us-east-1.amazonaws.com/{name}"

    def create(self, name: str, image: str, **more: Any) -> dict[str, Any]:
        given = {"FunctionName": name, "Role": self.role, "PackageType": "Image",
                 "Code": {"ImageUri": self.uri(image)}, "Timeout": 20, "MemorySize": 256}  # fmt: skip
        return dict(self.functions.create_function(**given | more))

    def invoke(self, name: str, event: object = None, **more: Any) -> tuple[Any, str, str]:
        """Payload, error and the log's tail."""
        payload = json.dumps(event or {})
        told = self.functions.invoke(FunctionName=name, Payload=payload, LogType="Tail", **more)
        log = base64.b64decode(told["LogResult"]).decode()
        return json.loads(told["Payload"].read()), told.get("FunctionError", ""), log

    def refused(self, name: str, **given: Any) -> str:
        with pytest.raises(ClientError) as refused:
            getattr(self.functions, name)(**given)
        error = refused.value.response["Error"]
        return f"{error['Code']}: {error['Message']}"


@pytest.fixture(scope="module")
def images(
    live_platform: LivePlatform, tmp_path_factory: pytest.TempPathFactory, python_base: bytes
) -> Iterator[Images]:
    folder = tmp_path_factory.mktemp("images")
    commands = Commands(live_platform, folder, folder / "cache")
    for word in ("first", "second"):
        docker_archive(
            folder / f"{word}.tar", [python_base, handler_layer(word)], f"app:{word}", **CONFIG
        )
        commands.pileus("image", "import", str(folder / f"{word}.tar"))
    yield Images(live_platform, folder)


def eventually(look: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen")


def test_create_and_invoke(images: Images) -> None:
    made = images.create("hello", "app:first", Environment={"Variables": {"COLOUR": "blue"}})
    assert made["PackageType"] == "Image" and made["CodeSize"] == 0
    assert not {"Runtime", "Handler", "Layers", "ImageConfigResponse"} & made.keys()
    told, error, log = images.invoke("hello", {"a": 1})
    assert (told, error) == ({"word": "first", "event": {"a": 1}, "version": "$LATEST"}, "")
    lines = log.splitlines()
    assert lines[0] == "init of first" and lines[1].startswith("START RequestId: ")
    assert lines[2] == "called with {'a': 1}" and "\tInit Duration: " in lines[4]
    assert "Init Duration" not in images.invoke("hello")[2]

    found = images.functions.get_function(FunctionName="hello")
    digest = made["CodeSha256"]
    assert found["Code"] == {
        "RepositoryType": "ECR",
        "ImageUri": images.uri("app:first"),
        "ResolvedImageUri": f"{images.uri('app')}@sha256:{digest}",
    }
    logs = images.platform.client("logs")
    groups = eventually(
        lambda: logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/hello")["logGroups"]
    )
    streams = logs.describe_log_streams(logGroupName=groups[0]["logGroupName"])["logStreams"]
    assert len(streams) == 1


def test_the_address_that_a_repository_tells(images: Images) -> None:
    told = images.platform.client("ecr").describe_repositories(repositoryNames=["app"])
    uri = told["repositories"][0]["repositoryUri"]
    images.create("addressed", "", Code={"ImageUri": f"{uri}:first"})
    assert images.invoke("addressed")[0]["word"] == "first"
    found = images.functions.get_function(FunctionName="addressed")
    assert found["Code"]["ResolvedImageUri"].startswith(f"{uri}@sha256:")


def test_what_a_function_sees(images: Images) -> None:
    settings = {"Environment": {"Variables": {"COLOUR": "blue"}}, "EphemeralStorage": {"Size": 600}}
    images.create("seeing", "app:first", **settings)
    told = images.invoke("seeing", {"do": "surroundings"})[0]
    assert (told["cwd"], told["tmp"]) == ("/srv", 600)
    assert told["uid"] != 0, "USER is Lambda's own, whatever the image says"
    assert {"dev", "etc", "proc", "srv", "tmp", "usr"} <= set(told["root"])
    assert not {"run", "var", "work", "home"} & set(told["root"]), "nothing of the host"
    assert len(told["processes"]) == 2
    inside = told["environment"]
    assert (inside["COLOUR"], inside["SHAPE"]) == ("blue", "round")
    assert inside["AWS_LAMBDA_RUNTIME_API"] == "127.0.0.1:9001"
    assert (inside["_HANDLER"], inside["AWS_LAMBDA_FUNCTION_NAME"]) == ("app.handler", "seeing")
    assert "AWS_EXECUTION_ENV" not in inside
    told = images.invoke("seeing", {"do": "write"})[0]
    read_only = "Read-only file system"
    assert told == {"/tmp/x": "", "/srv/x": read_only, "/x": read_only, "/etc/x": read_only}


def test_the_platform_is_reached_with_the_roles_keys(images: Images) -> None:
    sqs = images.platform.client("sqs")
    url = sqs.create_queue(QueueName="inside")["QueueUrl"]
    images.create("calling", "app:first")
    told, error, log = images.invoke("calling", {"do": "boto3", "url": url})
    assert not error, log
    assert told == "arn:aws:sts::000000000000:assumed-role/images/calling"
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "from inside"


def test_errors_timeouts_and_memory(images: Images) -> None:
    images.create("failing", "app:first", Timeout=2)
    told, error, _ = images.invoke("failing", {"do": "raise"})
    assert (error, told["errorType"], told["errorMessage"]) == (
        "Unhandled", "ValueError", "no such luck",
    )  # fmt: skip
    told, error, log = images.invoke("failing", {"do": "hang"})
    assert (error, told["errorType"]) == ("Unhandled", "Sandbox.Timedout")
    assert "Task timed out after 2.00 seconds" in told["errorMessage"]
    assert "Status: timeout" in log
    told, error, log = images.invoke("failing", {"do": "eat"})
    assert (error, told["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert "signal: killed" in told["errorMessage"] and "Runtime.OutOfMemory" in log
    told, error, _ = images.invoke("failing", {"do": "exit"})
    assert told["errorMessage"].endswith("Error: Runtime exited with error: exit status 3")
    assert images.invoke("failing")[0]["word"] == "first"


def test_settings_win_over_the_image(images: Images) -> None:
    config = {"EntryPoint": ["python3", "-m", "awslambdaric"], "Command": ["nothing.at_all"],
              "WorkingDirectory": "/usr"}  # fmt: skip
    made = images.create("settings", "app:first", ImageConfig=config)
    assert made["ImageConfigResponse"] == {"ImageConfig": config}
    told, error, _ = images.invoke("settings")
    assert (error, told["errorType"]) == ("Unhandled", "Runtime.ImportModuleError")
    change = {"FunctionName": "settings"}
    told = images.functions.update_function_configuration(
        ImageConfig={"WorkingDirectory": "/srv"}, **change
    )
    assert told["ImageConfigResponse"] == {"ImageConfig": {"WorkingDirectory": "/srv"}}
    assert images.invoke("settings")[0]["word"] == "first"
    told = images.functions.update_function_configuration(ImageConfig={}, **change)
    assert "ImageConfigResponse" not in told


@pytest.mark.parametrize(
    ("config", "kind", "detail"),
    [
        ({"EntryPoint": ["/none"]}, "InvalidEntrypoint",
         "fork/exec /none: no such file or directory"),
        ({"EntryPoint": ["none", "-x"]}, "InvalidEntrypoint",
         'exec: "none": executable file not found in $PATH'),
        ({"EntryPoint": ["/srv/run.sh"]}, "InvalidEntrypoint",
         "fork/exec /srv/run.sh: no such file or directory"),
        ({"EntryPoint": ["/srv"]}, "InvalidEntrypoint", "fork/exec /srv: permission denied"),
        ({"WorkingDirectory": "/none"}, "InvalidWorkingDir",
         "the working directory doesn't exist: /none"),
    ],
)  # fmt: skip
def test_programs_that_cannot_start(
    images: Images, request: pytest.FixtureRequest, config: dict[str, Any], kind: str, detail: str
) -> None:
    name = f"unstartable-{request.node.callspec.indices['config']}"
    images.create(name, "app:first", ImageConfig=config)
    told, error, log = images.invoke(name)
    assert (error, told["errorType"]) == ("Unhandled", f"Runtime.{kind}")
    assert told["errorMessage"].startswith("RequestId: ")
    assert told["errorMessage"].endswith(f" Error: {detail}")
    entrypoint = ",".join(config.get("EntryPoint", ENTRYPOINT))
    folder = config.get("WorkingDirectory", "/srv")
    launch = f"IMAGE\tLaunch error: {detail}\tEntrypoint: [{entrypoint}]\tCmd: [app.handler]\t"
    assert f"{launch}WorkingDir: [{folder}]" in log
    assert f"Status: error\tError Type: Runtime.{kind}" in log


def test_new_code_and_versions_that_keep_theirs(images: Images) -> None:
    images.create("changing", "app:first", Publish=True)
    assert images.invoke("changing")[0]["word"] == "first"
    change = {"FunctionName": "changing", "ImageUri": images.uri("app:second")}
    told = images.functions.update_function_code(Publish=True, **change)
    assert told["Version"] == "2"
    assert images.invoke("changing")[0]["word"] == "second"
    assert images.invoke("changing", Qualifier="1")[0] == {
        "word": "first", "event": {}, "version": "1",
    }  # fmt: skip
    found = images.functions.get_function(FunctionName="changing", Qualifier="1")
    assert found["Code"]["ImageUri"] == images.uri("app:first")


def test_an_image_may_leave_its_repository(
    images: Images, commands: Commands, python_base: bytes, tmp_path: Path
) -> None:
    ecr = images.platform.client("ecr")
    layers = [python_base, handler_layer("gone")]
    docker_archive(tmp_path / "gone.tar", layers, "leaving:1", **CONFIG)
    commands.pileus("image", "import", str(tmp_path / "gone.tar"))
    images.create("keeping", "leaving:1")
    image = {"imageTag": "1"}
    told = ecr.batch_delete_image(repositoryName="leaving", imageIds=[image])
    assert not told["failures"]
    ecr.delete_repository(repositoryName="leaving")
    assert images.invoke("keeping")[0]["word"] == "gone"
    told = images.refused(
        "create_function", FunctionName="late", Role=images.role, PackageType="Image",
        Code={"ImageUri": images.uri("leaving:1")},
    )  # fmt: skip
    assert told.endswith(
        f"Source image {images.uri('leaving:1')} does not exist. Provide a valid source image."
    )


def test_asynchronous_calls_and_urls(images: Images) -> None:
    images.create("later", "app:first")
    sqs = images.platform.client("sqs")
    url = sqs.create_queue(QueueName="later")["QueueUrl"]
    event = json.dumps({"do": "boto3", "url": url})
    images.functions.invoke(FunctionName="later", InvocationType="Event", Payload=event)
    told = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)
    assert told["Messages"][0]["Body"] == "from inside"


def test_many_at_once(images: Images) -> None:
    images.create("many", "app:first")
    with ThreadPoolExecutor(6) as threads:
        told = list(threads.map(lambda n: images.invoke("many", {"n": n})[0], range(18)))
    assert [one["event"]["n"] for one in told] == list(range(18))


def test_refusals(images: Images, tmp_path: Path) -> None:
    given = {"FunctionName": "refused", "Role": images.role}
    image = {"PackageType": "Image", "Code": {"ImageUri": images.uri("app:first")}}
    invalid = "InvalidParameterValueException: "
    neither = (
        f"{invalid}Please don't provide Handler or Runtime or Layer when the intended function "
        "PackageType is Image."
    )
    layer = ["arn:aws:lambda:us-east-1:000000000000:layer:x:1"]
    wrong: dict[str, Any]
    for wrong in ({"Handler": "a.b"}, {"Runtime": "python3.12"}, {"Layers": layer}):
        assert images.refused("create_function", **given, **image, **wrong) == neither

    for uri, told in {
        images.uri("app:none"): "does not exist. Provide a valid source image.",
        images.uri("none:first"): "does not exist. Provide a valid source image.",
        "app:first": "is not valid. Provide a valid source image.",
        "public.ecr.aws/lambda/python:3.12": "is not valid. Provide a valid source image.",
        "No Name": "is not valid. Provide a valid source image.",
    }.items():
        wrong = {"PackageType": "Image", "Code": {"ImageUri": uri}}
        got = images.refused("create_function", **given, **wrong)
        assert got == f"{invalid}Source image {uri} {told}"

    package = {"Runtime": "python3.12", "Handler": "a.b"}
    assert images.refused("create_function", **given, **package, Code=image["Code"]) == (
        f"{invalid}Please provide a source for function code."
    )
    assert images.refused("create_function", **given, Code=image["Code"]).startswith(
        f"{invalid}Runtime and Handler are mandatory parameters"
    )
    images.create("kind", "app:first")
    for wrong in ({"Handler": "a.b"}, {"Runtime": "python3.12"}, {"Layers": layer}):
        told = images.refused("update_function_configuration", FunctionName="kind", **wrong)
        assert told == neither
    assert images.refused("update_function_code", FunctionName="kind", ZipFile=b"x") == (
        f"{invalid}Please provide ImageUri when updating a function with packageType Image."
    )


def test_an_index_of_many_machines_is_refused(images: Images, commands: Commands) -> None:
    layout = images.folder / "layout"
    oci_layout(layout, [tar_of({"x": b""})], "small:1")
    commands.pileus("image", "import", str(layout))
    raw = (layout / "index.json").read_text()
    media_type = "application/vnd.oci.image.index.v1+json"
    document = {**json.loads(raw), "mediaType": media_type}
    images.platform.client("ecr").put_image(
        repositoryName="small", imageManifest=json.dumps(document), imageTag="index"
    )
    uri = images.uri("small:index")
    told = images.refused(
        "create_function", FunctionName="index", Role=images.role, PackageType="Image",
        Code={"ImageUri": uri},
    )  # fmt: skip
    assert told == (
        "InvalidParameterValueException: The image manifest, config or layer media type for the "
        f"source image {uri} is not supported."
    )


def test_a_stack_with_a_function_of_an_image(images: Images) -> None:
    stacks = images.platform.client("cloudformation")

    def template(tag: str, **more: Any) -> str:
        properties = {"PackageType": "Image", "Role": images.role, "Timeout": 20,
                      "Code": {"ImageUri": images.uri(f"app:{tag}")}, **more}  # fmt: skip
        function = {"Type": "AWS::Lambda::Function", "Properties": properties}
        return json.dumps({"Resources": {"F": function}, "Outputs": {"N": {"Value": {"Ref": "F"}}}})

    config = {"WorkingDirectory": "/srv"}
    stacks.create_stack(StackName="s", TemplateBody=template("first", ImageConfig=config))
    stacks.get_waiter("stack_create_complete").wait(StackName="s", WaiterConfig={"Delay": 1})
    stack = stacks.describe_stacks(StackName="s")["Stacks"][0]
    name = stack["Outputs"][0]["OutputValue"]
    assert images.invoke(name)[0]["word"] == "first"
    found = images.functions.get_function_configuration(FunctionName=name)
    assert found["ImageConfigResponse"] == {"ImageConfig": config}
    stacks.update_stack(StackName="s", TemplateBody=template("second"))
    stacks.get_waiter("stack_update_complete").wait(StackName="s", WaiterConfig={"Delay": 1})
    assert images.invoke(name)[0]["word"] == "second"
    found = images.functions.get_function_configuration(FunctionName=name)
    assert "ImageConfigResponse" not in found


SERVICE = """
service: shop
provider:
  name: aws
  runtime: python3.12
  ecr:
    images:
      own:
        path: own
        file: Dockerfile.own
        buildArgs: {WORD: bought}
functions:
  own: {image: {name: own}, timeout: 20}
  told: {image: {name: own, command: [app.other]}, timeout: 20}
  pushed: {image: "000000000000.dkr.ecr.us-east-1.amazonaws.com/app:first", timeout: 20}
"""
DOCKERFILE = """
FROM app:first
ARG WORD
ENV WORD=$WORD
COPY app.py /srv/
RUN ["/usr/local/bin/python3", "-m", "py_compile", "/srv/app.py"]
"""
BUILT = """
import os


def handler(event, context):
    return os.environ["WORD"]


def other(event, context):
    return "other"
"""


@pytest.mark.sandbox
def test_a_service_whose_image_is_built(images: Images, commands: Commands) -> None:
    commands.write(serverless__yml=SERVICE, own___Dockerfile__own=DOCKERFILE, own___app__py=BUILT)
    told = commands.pileus("deploy", "--json").json()
    assert told["functions"]["own"] == "shop-dev-own"
    words = {name: images.invoke(full)[0] for name, full in told["functions"].items()}
    assert (words["own"], words["told"], words["pushed"]["word"]) == ("bought", "other", "first")
    found = images.functions.get_function(FunctionName="shop-dev-own", Qualifier="1")
    address = images.uri("serverless-shop-dev")
    digest = found["Configuration"]["CodeSha256"]
    assert found["Code"]["ImageUri"] == f"{address}@sha256:{digest}"
    assert commands.pileus("deploy", "--json").json()["what"] == "unchanged"

    changed = SERVICE.replace("bought", "sold")
    commands.write(serverless__yml=changed)
    assert commands.pileus("deploy", "--json").json()["what"] == "updated"
    assert images.invoke("shop-dev-own")[0] == "sold"
    assert images.invoke("shop-dev-own", Qualifier="1")[0] == "bought"
    commands.pileus("remove")
    repositories = images.platform.client("ecr").describe_repositories()["repositories"]
    assert "serverless-shop-dev" not in [one["repositoryName"] for one in repositories]


OSLS_SERVICE = """
service: shelf
provider: {name: aws}
functions:
  first:
    image:
      uri: 000000000000.dkr.ecr.us-east-1.amazonaws.com/app:first
      command: [app.handler]
      workingDirectory: /srv
    timeout: 20
"""


@pytest.mark.slow
def test_the_serverless_frameworks_fork_deploys_an_image(
    images: Images, commands: Commands
) -> None:
    program = osls_program()
    commands.write(serverless__yml=OSLS_SERVICE)
    done = commands.run(program, "deploy")
    assert done.status == 0, done.out + done.err
    found = images.functions.get_function(FunctionName="shelf-dev-first")
    digest = found["Configuration"]["CodeSha256"]
    assert found["Code"]["ImageUri"] == f"{images.uri('app')}@sha256:{digest}"
    told = found["Configuration"]["ImageConfigResponse"]["ImageConfig"]
    assert told == {"Command": ["app.handler"], "WorkingDirectory": "/srv"}
    assert images.invoke("shelf-dev-first")[0]["word"] == "first"
    done = commands.run(program, "remove")
    assert done.status == 0, done.out + done.err


def test_a_platform_killed_with_calls_in_flight(
    make_platform: Callable[..., LivePlatform], python_base: bytes, tmp_path: Path
) -> None:
    platform = make_platform()
    commands = Commands(platform, tmp_path, tmp_path / "cache")
    docker_archive(tmp_path / "a.tar", [python_base, handler_layer("kept")], "app:first", **CONFIG)
    commands.pileus("image", "import", str(tmp_path / "a.tar"))
    images = Images(platform, tmp_path)
    images.create("f", "app:first")
    assert images.invoke("f")[0]["word"] == "kept"
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(images.invoke, "f", {"do": "sleep", "s": 30})
        time.sleep(0.3)
        platform.kill()
        with pytest.raises(BotoCoreError):
            call.result(10)
    platform.start()
    images = Images(platform, tmp_path)
    told, error, _ = images.invoke("f")
    assert (told["word"], error) == ("kept", "")
