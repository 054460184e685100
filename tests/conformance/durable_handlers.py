"""Handlers that the tests of durable functions deploy; nothing here runs in the tests' process."""

import json

from aws_durable_execution_sdk_python import (
    BatchResult,
    DurableContext,
    StepContext,
    durable_execution,
    durable_step,
)
from aws_durable_execution_sdk_python.config import CallbackConfig, Duration, StepConfig
from aws_durable_execution_sdk_python.exceptions import DurableExecutionsError
from aws_durable_execution_sdk_python.retries import RetryStrategyConfig, create_retry_strategy
from aws_durable_execution_sdk_python.waits import (
    WaitForConditionConfig,
    WaitForConditionDecision,
)


def square(event, context):
    return event["n"] ** 2


@durable_step
def double(step: StepContext, number):
    return number * 2


@durable_execution
def steps(event, context: DurableContext):
    doubled = context.step(double(event["n"]))
    text = context.step(lambda _: "done", name="text")
    return {"doubled": doubled, "text": text}


@durable_execution
def waits(event, context: DurableContext):
    before = context.step(lambda _: "before", name="before")
    context.wait(Duration.from_seconds(event["seconds"]), name="pause")
    return [before, context.step(lambda _: "after", name="after")]


@durable_execution
def approval(event, context: DurableContext):
    timeout = Duration.from_seconds(event["timeout"])
    callback = context.create_callback("approval", CallbackConfig(timeout=timeout))
    context.step(lambda _: callback.callback_id, name="send the link")
    return json.loads(callback.result())


@durable_execution
def fan(event, context: DurableContext):
    squares: BatchResult = context.map(
        event["items"],
        lambda child, item, index, items: child.step(lambda _: item**2, name=f"square-{index}"),
        name="squares",
    )
    sides: BatchResult = context.parallel(
        [
            lambda child: child.step(lambda _: "left", name="left"),
            lambda child: child.step(lambda _: "right", name="right"),
        ],
        name="sides",
    )
    child = context.run_in_child_context(
        lambda inner: inner.step(lambda _: "inner", name="inner"), name="child"
    )
    return {"map": squares.get_results(), "parallel": sides.get_results(), "child": child}


@durable_execution
def chain(event, context: DurableContext):
    plain = context.invoke("square", event, name="plain")
    durable = context.invoke("steps:$LATEST", event, name="durable")
    try:
        context.invoke("nobody", event, name="nobody")
        failure = ""
    except DurableExecutionsError as error:
        failure = str(error).partition(":")[0]
    return {"plain": plain, "durable": durable, "failure": failure}


@durable_execution
def poll(event, context: DurableContext):
    def decide(state, attempt):
        if state >= 3:
            return WaitForConditionDecision.stop_polling()
        return WaitForConditionDecision.continue_waiting(Duration.from_seconds(1))

    config = WaitForConditionConfig(wait_strategy=decide, initial_state=0)
    return context.wait_for_condition(lambda state, check: state + 1, config, name="three")


@durable_execution
def flaky(event, context: DurableContext):
    def attempt(step: StepContext):
        if step.attempt <= event["fails"]:
            raise RuntimeError("not yet")
        return f"attempt {step.attempt}"

    retry = create_retry_strategy(
        RetryStrategyConfig(max_attempts=5, initial_delay=Duration.from_seconds(1))
    )
    return context.step(attempt, name="flaky", config=StepConfig(retry_strategy=retry))


@durable_execution
def large(event, context: DurableContext):
    total = 0
    for number in range(event["steps"]):
        total += len(context.step(lambda _: "x" * event["bytes"], name=f"large-{number}"))
    context.wait(Duration.from_seconds(1))
    return total


@durable_execution
def boom(event, context: DurableContext):
    raise ValueError("no such luck")
