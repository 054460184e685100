"""A small NumPy model behind a live platform, by boto3."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.conformance.live import LivePlatform
from tests.services.sagemaker.conftest import TRUST, archive

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]

SCRIPT = """
import os
import boto3
import numpy as np

def model_fn(model_dir):
    print("loading", model_dir)
    return np.load(os.path.join(model_dir, "weights.npy"))

def predict_fn(data, weights):
    if isinstance(data, str):
        return eval(data)
    return (data * weights).sum(axis=-1)

def who():
    return boto3.client("sts").get_caller_identity()["Arn"]

def leave():
    os._exit(3)

def environment():
    return dict(os.environ)
"""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivePlatform]:
    platform = LivePlatform(tmp_path_factory.mktemp("models") / "data").start()
    weights = io.BytesIO()
    np.save(weights, np.array([1.0, 10.0]))
    files = {
        "weights.npy": weights.getvalue(),
        "code/inference.py": SCRIPT,
        "code/requirements.txt": "numpy>=2\nboto3\n",
    }
    s3, iam, sagemaker = (platform.client(name) for name in ("s3", "iam", "sagemaker"))
    s3.create_bucket(Bucket="models")
    s3.put_object(Bucket="models", Key="m.tar.gz", Body=archive(files))
    role = iam.create_role(RoleName="model", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    sagemaker.create_model(
        ModelName="m",
        ExecutionRoleArn=role,
        PrimaryContainer={"Image": "any", "ModelDataUrl": "s3://models/m.tar.gz"},
    )
    sagemaker.create_endpoint_config(
        EndpointConfigName="c",
        ProductionVariants=[
            {
                "VariantName": "all",
                "ModelName": "m",
                "InstanceType": "ml.c5.large",
                "InitialInstanceCount": 1,
            }
        ],
    )
    sagemaker.create_endpoint(EndpointName="sums", EndpointConfigName="c")
    waiter = sagemaker.get_waiter("endpoint_in_service")
    waiter.wait(EndpointName="sums", WaiterConfig={"Delay": 1})
    yield platform
    platform.stop()


def _invoke(live: LivePlatform, body: bytes, content_type: str, accept: str = "") -> Any:
    optional = {"Accept": accept} if accept else {}
    return live.client("sagemaker-runtime").invoke_endpoint(
        EndpointName="sums", Body=body, ContentType=content_type, **optional
    )


def _run(live: LivePlatform, expression: str) -> Any:
    return json.load(_invoke(live, json.dumps(expression).encode(), "application/json")["Body"])


def test_arrays_of_megabytes_in_and_out(live: LivePlatform) -> None:
    data = np.arange(600_000, dtype=np.float64).reshape(-1, 2)
    packed = io.BytesIO()
    np.save(packed, data)
    answer = _invoke(live, packed.getvalue(), "application/x-npy", "application/x-npy")
    assert answer["ContentType"] == "application/x-npy"
    assert answer["InvokedProductionVariant"] == "all"
    found = np.load(io.BytesIO(answer["Body"].read()))
    assert np.array_equal(found, data[:, 0] + 10 * data[:, 1])


def test_text_formats(live: LivePlatform) -> None:
    assert _invoke(live, b"1,2\n3,4\n", "text/csv", "text/csv")["Body"].read() == b"21.0\n43.0\n"


def test_the_script_acts_as_its_role_in_its_place(live: LivePlatform) -> None:
    assert _run(live, "who()").endswith(":assumed-role/model/SageMaker")
    assert _run(live, "environment()")["SM_MODEL_DIR"] == "/opt/ml/model"
    assert _run(live, "__file__") == "/opt/ml/model/code/inference.py"


def test_errors_of_the_script_and_of_formats(live: LivePlatform) -> None:
    runtime = live.client("sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ModelError) as failed:
        _run(live, "1/0")
    response = failed.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert response["OriginalStatusCode"] == 500
    message = response["OriginalMessage"]
    assert message.startswith("division by zero\nTraceback (most recent call last):\n  File ")
    assert message.endswith("ZeroDivisionError: division by zero")
    assert response["LogStreamArn"].endswith(":log-group:/aws/sagemaker/Endpoints/sums")
    with pytest.raises(runtime.exceptions.ModelError) as failed:
        _invoke(live, b"x", "text/odd")
    assert failed.value.response["OriginalStatusCode"] == 415


def test_an_instance_that_dies_is_replaced(live: LivePlatform) -> None:
    runtime = live.client("sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ModelError, match="exit status 3"):
        _run(live, "leave()")
    assert _run(live, "1 + 1") == 2


def test_output_reaches_the_endpoints_log(live: LivePlatform) -> None:
    _run(live, "print('seen by the log')")
    logs, found = live.client("logs"), []
    for _ in range(50):
        page = logs.filter_log_events(
            logGroupName="/aws/sagemaker/Endpoints/sums", filterPattern='"seen by the log"'
        )
        found = [event["message"] for event in page["events"]]
        if found:
            break
        time.sleep(0.1)
    assert found == ["seen by the log"]


def test_a_killed_platform_serves_again(live: LivePlatform) -> None:
    assert _run(live, "2") == 2
    live.kill()
    live.start()
    assert _run(live, "3") == 3
