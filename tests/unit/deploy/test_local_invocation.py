import json
import os
from pathlib import Path
from typing import Any

import pytest

from pileus.deploy.errors import DeployError
from pileus.deploy.local_invocation import LocalAnswer, LocalInvocation
from pileus.deploy.service_folder import open_folder
from pileus.languages.serverless import Options

from .fake_platform import CollectedProgress, FakeClock, write_service

NOWHERE = "http://127.0.0.1:9"


def _run(folder: Path, event: Any, name: str = "hello") -> tuple[LocalAnswer, list[str]]:
    time, progress = FakeClock().time(), CollectedProgress()
    service = open_folder(folder / "serverless.yml", Options(), os.environ, NOWHERE, time)
    local = LocalInvocation(service, os.environ, time, folder / "cache", progress)
    return local.run(name, event), progress.warnings


def test_the_handler_runs_with_its_environment(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_service(tmp_path)
    (tmp_path / "handler.py").write_text(
        "import os\n"
        "def hello(event, context):\n"
        "    print('said')\n"
        "    return [event, context.function_name, os.environ['GREETING'],\n"
        "            os.environ['AWS_ENDPOINT_URL'], os.environ['AWS_ACCESS_KEY_ID']]\n"
    )
    (tmp_path / "serverless.yml").write_text(
        "service: shop\nprovider: {name: aws, runtime: python3.11}\nfunctions:\n"
        "  hello: {handler: handler.hello, environment: {GREETING: hi, T: {Ref: Topic}}}\n"
    )
    answer, warnings = _run(tmp_path, {"n": 1})
    assert json.loads(answer.payload) == [
        {"n": 1}, "shop-dev-hello", "hi", NOWHERE, "000000000000",
    ]  # fmt: skip
    assert not answer.is_error
    assert warnings == ["T is not set: its value is known once deployed"]
    told = capfd.readouterr()
    assert (told.out, told.err) == ("", "said\n")
    assert "Memory Size: 1024 MB" in answer.report


def test_an_error_is_the_runtimes_own_document(tmp_path: Path) -> None:
    write_service(tmp_path)
    (tmp_path / "handler.py").write_text("def hello(event, context):\n    return 1 / event\n")
    answer, _ = _run(tmp_path, 0)
    document = json.loads(answer.payload)
    assert answer.is_error
    assert (document["errorType"], document["errorMessage"]) == (
        "ZeroDivisionError",
        "division by zero",
    )


def test_what_cannot_run_is_told(tmp_path: Path) -> None:
    write_service(tmp_path)
    with pytest.raises(DeployError, match="no function 'other'; it has: hello"):
        _run(tmp_path, {}, "other")
    (tmp_path / "handler.py").write_text("import os\ndef hello(e, c):\n    os._exit(3)\n")
    with pytest.raises(DeployError, match="ended with status 3"):
        _run(tmp_path, {})
    text = (tmp_path / "serverless.yml").read_text()
    (tmp_path / "serverless.yml").write_text(text.replace("python3.11", "nodejs22.x"))
    with pytest.raises(DeployError, match="only Python does"):
        _run(tmp_path, {})


@pytest.mark.slow
def test_a_handler_that_hangs_is_ended_at_its_timeout(tmp_path: Path) -> None:
    write_service(tmp_path)
    (tmp_path / "handler.py").write_text(
        "import threading\ndef hello(e, c):\n    threading.Event().wait()\n"
    )
    text = (tmp_path / "serverless.yml").read_text()
    text = text.replace("runtime: ", "timeout: 1, runtime: ")
    (tmp_path / "serverless.yml").write_text(text)
    with pytest.raises(DeployError, match=r"Task timed out after 1\.00 seconds"):
        _run(tmp_path, {})
