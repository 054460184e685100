"""Where custom resources and wait conditions answer."""

from __future__ import annotations

from pileus.gateway.inbound import AnswersHandler
from pileus.platform.running import Platform
from pileus.services.cloudformation import answers
from pileus.values.context import DEFAULT_ACCOUNT


def make_answers(platform: Platform) -> AnswersHandler:
    """The handler of ``/_pileus/cfn-response/…``."""
    kernel = platform.kernel

    async def answer(token: str, payload: bytes) -> None:
        space = kernel.registry.room("cloudformation").space(DEFAULT_ACCOUNT, kernel.default_region)
        await answers.answer(kernel.stream_call(space), token, payload)

    return AnswersHandler(answers.PATH, answer)
