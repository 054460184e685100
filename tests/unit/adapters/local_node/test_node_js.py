"""Functions of Node.js on real instances: what handlers, callers and logs see."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.unit.adapters.local_node.house import ARN, House

from pileus.adapters.local_node.node_interpreters import (
    NodeJs,
    choose_node,
    find_nodes,
    is_node_runtime,
)
from pileus.compute.calls import Result, Target
from pileus.ports.nodes import RuntimeUnavailable

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="no node is on the path")
STAMP = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d\dZ"

SEE = """
exports.handler = async (event, context) => eval(event);
"""

CALLBACKS = """
let late = [];
exports.quick = (event, context, callback) => {
  context.callbackWaitsForEmptyEventLoop = false;
  setTimeout(() => console.log('much later'), 60000);
  callback(null, 'quick');
};
exports.slow = (event, context, callback) => {
  setTimeout(() => { late.push(1); console.log('after'); }, 50);
  callback(null, late);
};
exports.wrong = (event, context, callback) => callback(new RangeError('too far'));
exports.text = (event, context, callback) => callback('only text');
exports.silent = (event, context, callback) => { setTimeout(() => {}, 10); };
exports.plain = (event) => 'not told';
exports.succeed = (event, context) => context.succeed({ told: event });
exports.fail = (event, context) => context.fail(new Error('failed'));
exports.done = (event, context) => context.done(null, 'done');
exports.never = async () => new Promise(() => {});
exports.throws = () => { throw new TypeError('at once'); };
exports.later = async () => {
  setTimeout(() => { throw new Error('thrown later'); }, 1);
  await new Promise((resolve) => setTimeout(resolve, 2000));
};
exports.rejected = async () => {
  Promise.reject(new Error('nobody cares'));
  await new Promise((resolve) => setTimeout(resolve, 2000));
};
exports.exits = async () => process.exit(7);
exports.spins = async () => { for (;;) {} };
exports.eats = async () => { const all = []; for (;;) all.push(Buffer.alloc(1 << 20, 1)); };
exports.large = async () => 'x'.repeat(7_000_000);
exports.circular = async () => { const value = {}; value.self = value; return value; };
"""


def node_target(house: House, source: str, handler: str = "index.handler", **more) -> Target:
    given = {"runtime": "nodejs20.x", "file": "index.js", **more}
    revision = repr((source, handler, more))
    return replace(house.target(source, handler, **given), revision=revision)


async def _call(house: House, handler: str, event: object = None, **more) -> Result:
    return await house.call(node_target(house, CALLBACKS, f"index.{handler}", **more), event)


def _error(result: Result) -> tuple[str, str]:
    assert result.function_error == "Unhandled"
    document = json.loads(result.payload)
    return document["errorType"], document["errorMessage"]


@needs_node
async def test_surroundings_are_those_of_aws(house: House) -> None:
    target = node_target(house, SEE)

    async def see(expression: str) -> object:
        result = await house.call(
            target, expression, trace="Root=1-2-3", client_context='{"custom":{"a":1}}'
        )
        assert not result.function_error, result.payload
        return json.loads(result.payload)

    environment = await see("process.env")
    assert environment["LAMBDA_TASK_ROOT"] == "/var/task"
    assert environment["_HANDLER"] == "index.handler"
    assert environment["AWS_EXECUTION_ENV"] == "AWS_Lambda_nodejs20.x"
    assert environment["_X_AMZN_TRACE_ID"] == "Root=1-2-3"
    assert environment["NODE_PATH"] == (
        "/opt/nodejs/node20/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:"
        "/var/runtime:/var/task"
    )
    assert "PYTHONPATH" not in environment
    assert not [name for name in environment if "PILEUS" in name]
    assert await see("process.cwd()") == "/var/task"
    context = await see("context")
    assert context == {
        "callbackWaitsForEmptyEventLoop": True,
        "functionVersion": "$LATEST",
        "functionName": "f",
        "memoryLimitInMB": "256",
        "logGroupName": "/aws/lambda/f",
        "logStreamName": environment["AWS_LAMBDA_LOG_STREAM_NAME"],
        "clientContext": {"custom": {"a": 1}},
        "invokedFunctionArn": ARN,
        "awsRequestId": "r1",
    }
    assert 0 < await see("context.getRemainingTimeInMillis()") <= 3000
    walls = "(() => { try { require('fs').writeFileSync('/var/task/x', ''); } catch (e) { return e.code; } })()"
    assert await see(walls) in ("EROFS", "EACCES")
    assert await see("require('fs').writeFileSync('/tmp/x', 'y')") is None
    assert await see("require('fs').readdirSync('/').includes('work')") is False
    assert await see("process.getuid()") != 0
    assert await see("Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)") == (
        "timed-out"
    )


@needs_node
@pytest.mark.parametrize(
    ("file", "source", "more"),
    [
        ("index.js", "exports.handler = async (event) => [event];", {}),
        ("index.cjs", "exports.handler = async (event) => [event];", {}),
        ("index.mjs", "export const handler = async (event) => [event];", {}),
        ("index.js", "export const handler = async (e) => [e];", {"package.json": '{"type":"module"}'}),
        ("index.mjs", "const f = await Promise.resolve((e) => [e]);\nexport const handler = async (e) => f(e);", {}),
    ],
    ids=["commonjs", "cjs", "mjs", "type-module", "top-level-await"],
)  # fmt: skip
async def test_both_kinds_of_modules(house: House, file: str, source: str, more) -> None:
    for name, text in more.items():
        (house.code_dir / name).write_text(text)
    result = await house.call(node_target(house, source, file=file), 5)
    assert json.loads(result.payload) == [5], result.log


@needs_node
async def test_handlers_in_folders_and_objects(house: House) -> None:
    (house.code_dir / "src" / "functions").mkdir(parents=True)
    source = "exports.api = { get: async () => __filename };"
    target = node_target(house, source, "src/functions/one.api.get", file="src/functions/one.js")
    result = await house.call(target, None)
    assert json.loads(result.payload) == "/var/task/src/functions/one.js"


@needs_node
async def test_callbacks_and_the_empty_event_loop(house: House) -> None:
    assert json.loads((await _call(house, "quick")).payload) == "quick"
    slow = await _call(house, "slow")
    assert json.loads(slow.payload) == [1], "the answer waits until nothing is left to do"
    assert re.fullmatch(rf"{STAMP}\tr1\tINFO\tafter", slow.log[1])
    for handler in ("silent", "plain"):
        assert (await _call(house, handler)).payload == b"null"
    assert json.loads((await _call(house, "succeed", 1)).payload) == {"told": 1}
    assert json.loads((await _call(house, "done")).payload) == "done"
    assert _error(await _call(house, "fail")) == ("Error", "failed")
    assert _error(await _call(house, "text")) == ("string", "only text")


@needs_node
async def test_an_error_has_its_trace_and_is_logged(house: House) -> None:
    for handler, kind, message in (
        ("wrong", "RangeError", "too far"),
        ("throws", "TypeError", "at once"),
    ):
        result = await _call(house, handler)
        document = json.loads(result.payload)
        assert list(document) == ["errorType", "errorMessage", "trace"]
        assert (document["errorType"], document["errorMessage"]) == (kind, message)
        assert document["trace"][0] == f"{kind}: {message}"
        assert "/var/task/index.js" in document["trace"][1]
        line = next(line for line in result.log if "Invoke Error" in line)
        match = re.fullmatch(rf"{STAMP}\tr1\tERROR\tInvoke Error \t(.*)", line)
        assert match is not None
        logged = json.loads(match[1])
        assert (logged["errorType"], logged["stack"]) == (kind, document["trace"])


@needs_node
@pytest.mark.parametrize(
    ("handler", "kind", "message", "line"),
    [
        ("later", "Error", "thrown later", "Uncaught Exception"),
        ("rejected", "Runtime.UnhandledPromiseRejection", "Error: nobody cares", "Unhandled Promise Rejection"),
        ("never", "Runtime.NodejsExit", "The Lambda runtime client detected an unexpected Node.js exit code", "Invoke Error"),
        ("large", "Function.ResponseSizeTooLarge", "Response payload size exceeded", "Invoke Error"),
        ("circular", "Runtime.MarshalError", "Unable to stringify response body", "Invoke Error"),
    ],
)  # fmt: skip
async def test_what_a_handler_does_not_catch(house, handler, kind, message, line) -> None:
    target = node_target(house, CALLBACKS, f"index.{handler}")
    result = await house.call(target, None)
    found, text = _error(result)
    assert found == kind
    assert text.startswith(message)
    assert [record for record in result.log if f"ERROR\t{line} \t" in record]
    again = await house.call(target, None)
    survives = handler in ("large", "circular")
    assert again.is_cold is not survives, "a process that cannot go on is not used again"


@needs_node
async def test_the_ends_that_the_platform_tells(house: House) -> None:
    assert _error(await _call(house, "exits")) == (
        "Runtime.ExitError",
        "RequestId: r1 Error: Runtime exited with error: exit status 7",
    )
    spins = await _call(house, "spins", timeout_s=1.0)
    assert _error(spins)[1].endswith("Task timed out after 1.00 seconds")
    eats = await _call(house, "eats", memory_mb=160, timeout_s=20.0)
    assert _error(eats)[0] == "Runtime.ExitError"
    assert "signal: killed" in _error(eats)[1]
    assert "Max Memory Used: 160 MB" in eats.log[-1]


@needs_node
@pytest.mark.parametrize(
    ("source", "handler", "kind", "message"),
    [
        ("exports.other = 1", "index.handler", "Runtime.HandlerNotFound", "index.handler is undefined or not exported"),
        ("exports.handler = 1", "index.handler", "Runtime.HandlerNotFound", "index.handler is not a function"),
        ("", "nothing.handler", "Runtime.ImportModuleError", "Error: Cannot find module 'nothing'"),
        ("require('left-pad')", "index.handler", "Runtime.ImportModuleError", "Error: Cannot find module 'left-pad'"),
        ("const = 1", "index.handler", "Runtime.UserCodeSyntaxError", "SyntaxError: Unexpected token '='"),
        ("", "handler", "Runtime.MalformedHandlerName", "Bad handler"),
        ("", "../index.handler", "Runtime.MalformedHandlerName", "'../index.handler' is not a valid handler name."),
        ("throw new EvalError('not today')", "index.handler", "EvalError", "not today"),
        ("setImmediate(() => { throw new Error('soon') }); module.exports = new Promise(() => {})", "index.handler", "Error", "soon"),
    ],
)  # fmt: skip
async def test_init_errors(house: House, source, handler, kind, message) -> None:
    result = await house.call(node_target(house, source, handler), None)
    found, text = _error(result)
    assert found == kind
    assert text.startswith(message)
    assert "trace" in json.loads(result.payload)
    assert [line for line in result.log if "\tundefined\tERROR\tUncaught Exception \t" in line]
    assert "Phase: init\tStatus: error\tError Type: " + kind in "\n".join(result.log)


@needs_node
async def test_the_console_in_text_and_in_json(house: House) -> None:
    source = """
    console.log('starting', { deep: [1] });
    exports.handler = async () => {
      console.debug('fine'); console.warn('careful\\nsecond line'); console.error(new TypeError('bad'));
      console.log({ a: 1 }); process.stdout.write('raw\\n');
    };
    """
    text = await house.call(node_target(house, source), None)
    assert re.fullmatch(rf"{STAMP}\tundefined\tINFO\tstarting \{{ deep: \[ 1 \] \}}", text.log[0])
    body = text.log[2:-2]
    assert re.fullmatch(rf"{STAMP}\tr1\tDEBUG\tfine", body[0])
    assert re.fullmatch(rf"{STAMP}\tr1\tWARN\tcareful\nsecond line", body[1])
    assert re.match(rf"{STAMP}\tr1\tERROR\tTypeError: bad\n    at ", body[2])
    assert re.fullmatch(rf"{STAMP}\tr1\tINFO\t\{{ a: 1 \}}", body[3])
    assert body[4] == "raw"
    told = await house.call(node_target(house, source, log_format="JSON", tmp_mb=513), None)
    records = [json.loads(line) for line in told.log if line.startswith('{"timestamp"')]
    assert [record["level"] for record in records] == ["INFO", "DEBUG", "WARN", "ERROR", "INFO"]
    assert "requestId" not in records[0]
    assert records[1]["message"] == "fine"
    assert records[1]["requestId"] == "r1"
    message = records[3]["message"]
    assert (message["errorType"], message["errorMessage"]) == ("TypeError", "bad")
    assert message["stackTrace"][0] == "TypeError: bad"
    assert records[4]["message"] == {"a": 1}


@needs_node
async def test_layers_are_found_by_both_kinds_of_modules(house: House, tmp_path: Path) -> None:
    package = tmp_path / "layers" / "nodejs" / "node_modules" / "layered"
    package.mkdir(parents=True)
    (package / "index.js").write_text("exports.value = 5;\n")
    layers = str(tmp_path / "layers")
    for file, source in (
        ("index.js", "const l = require('layered'); exports.handler = async () => l.value;"),
        ("other.mjs", "import l from 'layered'; export const handler = async () => l.value;"),
    ):
        name = f"{file.partition('.')[0]}.handler"
        target = node_target(house, source, name, file=file, layers_dir=layers)
        assert (await house.call(target, None)).payload == b"5"


@needs_node
async def test_streamed_answers_come_whole_where_nobody_wants_them_in_parts(house: House) -> None:
    source = """
    exports.handler = awslambda.streamifyResponse(async (event, stream, context) => {
      if (event === 'http') stream = awslambda.HttpResponseStream.from(stream, { statusCode: 201 });
      if (event === 'fail') { stream.write('some'); throw new Error('half way'); }
      for (const part of ['one ', 'two ', 'three']) {
        stream.write(part);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      stream.end();
    });
    """
    target = node_target(house, source)
    assert (await house.call(target, 1)).payload == b"one two three"
    http = (await house.call(target, "http")).payload
    assert http == b'{"statusCode":201}' + bytes(8) + b"one two three"
    assert _error(await house.call(target, "fail")) == ("Error", "half way")
    assert (await house.call(target, 2)).payload == b"one two three"


@needs_node
async def test_large_events_and_answers(house: House) -> None:
    target = node_target(house, "exports.handler = async (event) => event;", timeout_s=20.0)
    event = "\u00e4" * 2_500_000
    assert json.loads((await house.call(target, event)).payload) == event


@needs_node
async def test_callbacks_ended_with_node_24(house: House) -> None:
    source = "exports.handler = (event, context, callback) => callback(null, 1);"
    result = await house.call(node_target(house, source, runtime="nodejs24.x"), None)
    kind, message = _error(result)
    assert kind == "Runtime.CallbackHandlerDeprecated"
    assert message.startswith("AWS Lambda has removed support for callback-based function handlers")
    plain = node_target(house, "exports.handler = (e) => [e];", runtime="nodejs24.x", tmp_mb=513)
    assert json.loads((await house.call(plain, 1)).payload) == [1]


@needs_node
def test_the_node_of_the_machine_is_found() -> None:
    found = find_nodes()
    assert found
    assert Path(found[0].executable).is_file()


def test_the_nearest_node_is_chosen_with_a_warning() -> None:
    found = [NodeJs(major, f"/n{major}/bin/node", f"/n{major}") for major in (18, 22)]
    exact = choose_node("nodejs22.x", found, is_strict=True)
    assert (exact.interpreter.major, exact.warning) == (22, "")
    near = choose_node("nodejs20.x", found, is_strict=False)
    assert near.interpreter.major == 22
    assert near.warning == "nodejs20.x is not installed here; nodejs22.x runs it instead."
    with pytest.raises(RuntimeUnavailable, match="strict"):
        choose_node("nodejs20.x", found, is_strict=True)
    with pytest.raises(RuntimeUnavailable, match="no node is on the path"):
        choose_node("nodejs20.x", [], is_strict=False)
    with pytest.raises(RuntimeUnavailable, match="java21"):
        choose_node("java21", found, is_strict=False)
    assert is_node_runtime("nodejs18.x")
    assert not is_node_runtime("python3.12")
