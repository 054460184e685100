"""From a pool to a real instance: what callers and logs see, official behaviour by name."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import sysconfig
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.unit.adapters.local_node.house import ARN, House

from pileus.ports.nodes import RuntimeUnavailable

SOURCE = r"""
import json, logging, os, sys, threading, time
print("importing")
logger = logging.getLogger()
logger.setLevel("INFO")

def handler(event, context):
    return eval(event, dict(globals(), context=context))

def say(event, context):
    print("one\ntwo")
    print("no newline", end="")
    sys.stderr.write("to stderr\n")
    logger.info("first\nsecond")
    return None
"""

BOOTSTRAP = """#!{python} -IS
import http.client, json, os
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
def call(method, path, body=None):
    api.request(method, "/2018-06-01/runtime/" + path, body)
    answer = api.getresponse()
    return answer, answer.read()
if os.environ["_HANDLER"] == "broken":
    call("POST", "init/error", json.dumps({{"errorType": "My.Error", "errorMessage": "no"}}))
    raise SystemExit(1)
if os.environ["_HANDLER"] == "idle":
    import time
    time.sleep(60)
MODE = {{"Lambda-Runtime-Function-Response-Mode": "streaming", "Transfer-Encoding": "chunked"}}
def stream(path, trailers):
    api.putrequest("POST", "/2018-06-01/runtime/" + path)
    for name, value in {{**MODE, "Content-Type": "text/x"}}.items():
        api.putheader(name, value)
    api.endheaders()
    api.send(b"4\\r\\none \\r\\n4\\r\\ntwo \\r\\n0\\r\\n" + trailers + b"\\r\\n")
    answer = api.getresponse()
    return answer, answer.read()
while True:
    answer, event = call("GET", "invocation/next")
    request_id = answer.headers["Lambda-Runtime-Aws-Request-Id"]
    print("event", event.decode(), flush=True)
    event = json.loads(event)
    if event == "fail":
        error = json.dumps({{"errorType": "My.Error", "errorMessage": "bad"}})
        answer, body = call("POST", f"invocation/{{request_id}}/error", error)
    elif event == "big":
        answer, body = call("POST", f"invocation/{{request_id}}/response", b"1" * 7000000)
        assert answer.status == 413, answer.status
    elif event == "stream":
        answer, body = stream(f"invocation/{{request_id}}/response", b"")
    elif event == "stream-fail":
        import base64
        told = base64.b64encode(json.dumps({{"errorType": "My.Late", "errorMessage": "half way"}}).encode())
        trailers = b"Lambda-Runtime-Function-Error-Type: My.Late\\r\\nLambda-Runtime-Function-Error-Body: " + told + b"\\r\\n"
        answer, body = stream(f"invocation/{{request_id}}/response", trailers)
    elif event == "extension":
        api.request("POST", "/2020-01-01/extension/register", "{{}}")
        answer = api.getresponse()
        answer.read()
        answer, body = call("POST", f"invocation/{{request_id}}/response", str(answer.status))
    elif event == "wrong":
        answer, body = call("POST", "invocation/other/response", b"1")
        result = json.dumps([answer.status, json.loads(body)["errorType"]])
        answer, body = call("POST", f"invocation/{{request_id}}/response", result)
    else:
        seen = {{k: v for k, v in answer.headers.items() if k.startswith("Lambda-")}}
        answer, body = call("POST", f"invocation/{{request_id}}/response", json.dumps(seen))
    assert answer.status in (202, 413), answer.status
"""


def write_bootstrap(house: House) -> None:
    bootstrap = house.code_dir / "bootstrap"
    bootstrap.write_text(BOOTSTRAP.format(python=Path(sys.executable).resolve()))
    bootstrap.chmod(0o755)


async def test_surroundings_are_those_of_aws(house: House) -> None:
    target = house.target(SOURCE)

    async def see(expression: str) -> object:
        result = await house.call(target, expression, trace="Root=1-2-3")
        assert not result.function_error, result.payload
        return json.loads(result.payload)

    environment = await see("dict(os.environ)")
    assert environment["LAMBDA_TASK_ROOT"] == "/var/task"
    assert environment["_HANDLER"] == "app.handler"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "f"
    assert environment["AWS_LAMBDA_LOG_GROUP_NAME"] == "/aws/lambda/f"
    assert environment["AWS_ACCESS_KEY_ID"] == "ASIA1"
    assert environment["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.11"
    assert environment["_X_AMZN_TRACE_ID"] == "Root=1-2-3"
    assert environment["TZ"] == ":UTC"
    assert environment["MINE"] == "1"
    assert environment["OPENBLAS_NUM_THREADS"] == "1"
    assert not [name for name in environment if "PILEUS" in name]
    assert await see("os.getcwd()") == "/var/task"
    assert await see("sys.path[0]") == "/var/task"
    assert await see("time.tzname[0]") == "UTC"
    assert await see("context.log_stream_name") == environment["AWS_LAMBDA_LOG_STREAM_NAME"]
    assert await see("context.memory_limit_in_mb") == "256"
    assert await see("context.invoked_function_arn") == ARN
    assert 0 < await see("context.get_remaining_time_in_millis()") <= 3000
    assert await see("threading.active_count()") == 1
    inner = "__import__('subprocess').run([sys.executable, '-c', 'import boto3; print(1)'], "
    assert await see(inner + "capture_output=True, text=True).stdout") == "1\n"


async def test_output_is_cut_into_records(house: House) -> None:
    target = house.target(SOURCE, "app.say")
    result = await house.call(target, None)
    stamp = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d\dZ"
    assert result.log[0] == "importing"
    assert result.log[1] == "START RequestId: r1 Version: $LATEST"
    assert result.log[2:4] == ["one", "two"]
    rest = "\n".join(result.log[4:-2])
    assert "no newline" in rest
    assert "to stderr" in rest
    assert re.search(rf"\[INFO\]\t{stamp}\tr1\tfirst\nsecond", rest)
    assert result.log[-2] == "END RequestId: r1"
    assert re.fullmatch(
        r"REPORT RequestId: r1\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\t"
        r"Memory Size: 256 MB\tMax Memory Used: \d+ MB\tInit Duration: \d+\.\d\d ms\t",
        result.log[-1],
    )
    assert list(result.log) == house.log


async def test_an_import_error_is_told_twice_in_the_log_and_once_to_the_caller(house) -> None:
    result = await house.call(house.target("import no_such_thing\n"), None)
    assert result.function_error == "Unhandled"
    assert json.loads(result.payload) == {
        "errorMessage": "Unable to import module 'app': No module named 'no_such_thing'",
        "errorType": "Runtime.ImportModuleError",
        "requestId": "",
        "stackTrace": [],
    }
    line = (
        "[ERROR] Runtime.ImportModuleError: Unable to import module 'app': "
        "No module named 'no_such_thing'\nTraceback (most recent call last):"
    )
    assert list(result.log).count(line) == 2
    assert "Phase: init\tStatus: error\tError Type: Runtime.ImportModuleError" in result.log[1]


async def test_a_module_that_exits_is_an_exit_error(house: House) -> None:
    result = await house.call(house.target("import sys\nsys.exit(4)\n"), None)
    assert json.loads(result.payload) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": "RequestId: r1 Error: Runtime exited with error: exit status 4",
    }


async def test_an_exception_while_importing_is_reported_with_its_stack(house: House) -> None:
    result = await house.call(house.target("def f():\n    raise OSError('no disk')\nf()\n"), None)
    document = json.loads(result.payload)
    assert (document["errorType"], document["errorMessage"]) == ("OSError", "no disk")
    assert "importlib" in document["stackTrace"][0], "AWS's runtime shows these frames as well"
    assert document["stackTrace"][-2:] == [
        '  File "/var/task/app.py", line 3, in <module>\n    f()\n',
        "  File \"/var/task/app.py\", line 2, in f\n    raise OSError('no disk')\n",
    ]


async def test_threads_of_a_handler_do_not_keep_it_from_ending(house: House) -> None:
    target = house.target(SOURCE)
    start = "threading.Thread(target=time.sleep, args=(60,)).start()"
    assert (await house.call(target, start)).function_error == ""
    result = await house.call(target, "sys.exit(1)")
    assert json.loads(result.payload)["errorType"] == "Runtime.ExitError"


async def test_an_instance_sleeps_once_a_call(house: House) -> None:
    source = "import resource\ndef handler(event, context):\n"
    source += "    return resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw\n"
    target, calls = house.target(source), 100
    slept = [int((await house.call(target, {})).payload) for _ in range(calls)]
    # Twice would be: woken by an event, and once more by its answer having been read.
    assert slept[-1] - slept[0] < 1.5 * calls


async def test_layers_are_on_the_path(house: House, tmp_path: Path) -> None:
    layers = tmp_path / "layers"
    (layers / "python").mkdir(parents=True)
    (layers / "python" / "layered.py").write_text("VALUE = 5\n")
    target = house.target(SOURCE, layers_dir=str(layers))
    result = await house.call(target, "__import__('layered').VALUE, os.listdir('/opt')")
    assert json.loads(result.payload) == [5, ["python"]]


async def test_preloaded_modules_are_there_before_the_import(house: House) -> None:
    site = sysconfig.get_paths()["platlib"]
    target = house.target(SOURCE, preload=("decimal", "numpy"), shown=(site,), python_path=(site,))
    draw = "__import__('numpy').random.random()"
    result = await house.call(target, f"('decimal' in sys.modules, {draw})")
    other = await house.call(replace(target, revision="2"), f"(True, {draw})")
    assert json.loads(result.payload)[0] is True
    assert json.loads(result.payload)[1] != json.loads(other.payload)[1], "siblings differ"


async def test_only_what_aws_brings_along_can_be_imported(house: House) -> None:
    target = house.target(SOURCE)
    result = await house.call(target, "[__import__('boto3').__file__, __import__('six').__name__]")
    assert json.loads(result.payload) == ["/var/runtime/boto3/__init__.py", "six"]
    for name in ("yaml", "pileus", "numpy"):
        result = await house.call(target, f"__import__({name!r})")
        assert json.loads(result.payload)["errorType"] == "ModuleNotFoundError", name


async def test_packages_of_the_host_can_be_shown(house: House) -> None:
    site = sysconfig.get_paths()["platlib"]
    target = house.target(SOURCE, shown=(site,), python_path=(site,))
    result = await house.call(target, "__import__('numpy').arange(3).tolist()")
    assert json.loads(result.payload) == [0, 1, 2]


async def test_what_a_first_instance_imports_is_there_for_the_next(house: House) -> None:
    source = (
        "import sys\nbefore = 'boto3' in sys.modules\nimport boto3\n"
        "def handler(event, context):\n"
        "    client = boto3.client('sqs', region_name='us-east-1')\n"
        "    return [before, boto3.__file__, client.meta.endpoint_url]\n"
    )
    target = house.target(source)
    first = json.loads((await house.call(target, None)).payload)
    assert first[:2] == [False, "/var/runtime/boto3/__init__.py"]
    for _ in range(200):
        await asyncio.sleep(0.05)
        if len(house.nodes.fork_servers()) == 2 and house.nodes.fork_servers()[1].is_ready:
            break
    second = await house.call(replace(target, revision="2"), None)
    assert second.is_cold
    assert json.loads(second.payload) == [True, *first[1:]]


async def test_what_the_source_imports_is_there_for_the_first_call(house: House) -> None:
    source = (
        "import sys\nbefore = 'yaml' in sys.modules, 'boto3' in sys.modules\n"
        "def handler(event, context):\n    import yaml\n    import boto3\n    return before\n"
    )
    (house.code_dir / "yaml").mkdir()
    target = house.target(source)
    await house.nodes.prepare(target.spec)
    result = await house.call(target, None)
    assert json.loads(result.payload) == [False, True], "its own packages are not foreseen"
    assert len(house.nodes.fork_servers()) == 1


async def test_a_package_of_its_own_wins_over_what_is_preloaded(house: House) -> None:
    house.target("import yaml\ndef handler(event, context):\n    return yaml.__file__\n")
    (house.code_dir / "yaml.py").write_text("")
    target = house.target((house.code_dir / "app.py").read_text())
    for revision in ("1", "2"):
        result = await house.call(replace(target, revision=revision), None)
        assert json.loads(result.payload) == "/var/task/yaml.py"
    assert len(house.nodes.fork_servers()) == 1


async def test_a_custom_runtime_speaks_http(house: House) -> None:
    write_bootstrap(house)
    target = house.target("", "any", runtime="provided.al2023")
    result = await house.call(target, 1, trace="Root=1", client_context='{"a":1}')
    seen = json.loads(result.payload)
    assert seen["Lambda-Runtime-Aws-Request-Id"] == "r1"
    assert seen["Lambda-Runtime-Invoked-Function-Arn"] == ARN
    assert seen["Lambda-Runtime-Trace-Id"] == "Root=1"
    assert seen["Lambda-Runtime-Client-Context"] == '{"a":1}'
    assert int(seen["Lambda-Runtime-Deadline-Ms"]) > 0
    assert "event 1" in result.log
    failed = await house.call(target, "fail")
    assert (failed.function_error, json.loads(failed.payload)["errorType"]) == (
        "Unhandled",
        "My.Error",
    )
    assert json.loads((await house.call(target, "wrong")).payload) == [400, "InvalidRequestID"]
    big = await house.call(target, "big")
    assert json.loads(big.payload)["errorType"] == "Function.ResponseSizeTooLarge"
    assert (await house.call(target, 2)).is_cold is False


async def test_a_custom_runtime_may_report_its_init_error(house: House) -> None:
    write_bootstrap(house)
    result = await house.call(house.target("", "broken", runtime="provided.al2"), 1)
    assert json.loads(result.payload) == {"errorType": "My.Error", "errorMessage": "no"}


async def test_a_custom_runtime_may_stream_its_answer(house: House) -> None:
    write_bootstrap(house)
    target = house.target("", "any", runtime="provided.al2023")
    assert (await house.call(target, "stream")).payload == b"one two "
    failed = await house.call(target, "stream-fail")
    assert json.loads(failed.payload) == {"errorType": "My.Late", "errorMessage": "half way"}
    assert (await house.call(target, "extension")).payload == b"403"


async def test_a_custom_runtime_that_never_asks_for_an_event_times_out(house: House) -> None:
    write_bootstrap(house)
    target = house.target("", "idle", runtime="provided.al2023", init_timeout_s=0.5, timeout_s=0.5)
    result = await house.call(target, 1)
    assert json.loads(result.payload)["errorType"] == "Sandbox.Timedout"
    assert "Phase: init\tStatus: timeout" in "\n".join(result.log)


async def test_extensions_are_ignored_with_a_word(house: House, tmp_path: Path) -> None:
    (tmp_path / "layers" / "extensions").mkdir(parents=True)
    (tmp_path / "layers" / "extensions" / "agent").write_text("#!/bin/sh\n")
    target = house.target(SOURCE, layers_dir=str(tmp_path / "layers"))
    result = await house.call(target, "1")
    assert result.log[0] == (
        "EXTENSION\tName: agent\tState: Ignored\tReason: Pileus runs no Lambda extensions"
    )


async def test_a_package_without_bootstrap_is_refused(house: House) -> None:
    with pytest.raises(RuntimeUnavailable, match="Couldn't find valid bootstrap"):
        await house.call(house.target("", "any", runtime="provided.al2023"), 1)


async def test_a_large_event_and_a_large_answer(house: House) -> None:
    target = house.target("def handler(event, context):\n    return event\n")
    event = "x" * 5_500_000
    assert json.loads((await house.call(target, event)).payload) == event


async def test_nothing_runs_before_the_first_call_and_blanks_follow(house: House) -> None:
    assert not house.nodes.fork_servers()
    target = house.target(SOURCE)
    await house.call(target, "1")
    assert len(house.nodes.fork_servers()) == 1
