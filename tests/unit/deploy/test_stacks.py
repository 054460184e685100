import pytest

from pileus.deploy.errors import DeployError
from pileus.deploy.stacks import StackChange, Stacks

from .fake_platform import CollectedProgress, FakeApi, FakeClock

BODY = '{"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}'


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


def _change(api: FakeApi, body: str = BODY) -> str:
    stacks = Stacks(api, FakeClock().time())
    return stacks.change(StackChange(name="jobs", body=body), CollectedProgress().resource).what


def test_a_stack_is_created_then_left_alone_then_updated(api: FakeApi) -> None:
    assert _change(api) == "created"
    assert _change(api) == "unchanged"
    assert _change(api, BODY.replace("Q", "R")) == "updated"


def test_events_are_told_once_in_order(api: FakeApi) -> None:
    progress = CollectedProgress()
    stacks = Stacks(api, FakeClock().time())
    two = '{"Resources": {"A": {"Type": "T"}, "B": {"Type": "T"}}}'
    stacks.change(StackChange(name="jobs", body=two), progress.resource)
    stacks.change(StackChange(name="jobs", body=two.replace("B", "C")), progress.resource)
    assert [event.resource for event in progress.events] == ["A", "B", "C"]


def test_a_refused_template_leaves_no_stack(api: FakeApi) -> None:
    api.refused = "Template format error: Unrecognized resource types: [AWS::No::Thing]"
    with pytest.raises(DeployError, match="AWS::No::Thing"):
        _change(api)
    assert api.calls[-2:] == ["DeleteChangeSet", "DeleteStack"]


@pytest.mark.parametrize(
    ("status", "words"),
    [("ROLLBACK_COMPLETE", "remove it first"), ("UPDATE_IN_PROGRESS", "by somebody else")],
)
def test_a_stack_that_cannot_change_says_what_to_do(api: FakeApi, status: str, words: str) -> None:
    _change(api)
    api.stacks["jobs"]["StackStatus"] = status
    with pytest.raises(DeployError, match=words):
        _change(api)
