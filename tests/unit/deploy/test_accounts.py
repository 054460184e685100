import pytest

from pileus.deploy.accounts import environment_of
from pileus.deploy.environments import find, known, register, release
from pileus.deploy.errors import DeployError

from .fake_platform import FakeApi


def test_the_default_stage_is_the_default_account() -> None:
    assert environment_of("dev").account == "000000000000"


def test_a_stage_has_one_account_for_ever() -> None:
    # Spelled out: data folders of users hold what was deployed under these numbers.
    assert environment_of("prod").account == "843579735134"
    assert environment_of("staging").account == "661860592196"


def test_accounts_are_twelve_digits_and_differ() -> None:
    accounts = {environment_of(f"stage-{n}").account for n in range(2000)}
    assert len(accounts) == 2000
    assert all(len(one) == 12 and one.isdecimal() and one[0] != "0" for one in accounts)


def test_a_profile_names_endpoint_and_keys() -> None:
    text = environment_of("dev").profile("http://127.0.0.1:1", "eu-west-1")
    assert text.splitlines() == [
        "[profile pileus-dev]",
        "endpoint_url = http://127.0.0.1:1",
        "region = eu-west-1",
        "aws_access_key_id = 000000000000",
        "aws_secret_access_key = test",
    ]


def test_the_platform_remembers_its_stages() -> None:
    api = FakeApi()
    for stage in ("prod", "dev", "beta", "prod"):
        register(api, environment_of(stage))
    assert [one.stage for one in known(api)] == ["dev", "beta", "prod"]


def test_a_stage_is_known_until_its_last_stack_is_gone() -> None:
    prod = environment_of("prod")
    here = FakeApi(prod.account, "r-1")
    there = here.of_account(prod.account, "r-2")
    for place in (here, there):
        register(place, prod)
        place.stacks["s"] = {"StackName": "s"}
    assert find(here, "prod") == prod
    del here.stacks["s"]
    release(here, prod)
    assert find(here, "prod") == prod  # it is still in use in the other region
    del there.stacks["s"]
    release(there, prod)
    with pytest.raises(DeployError, match=r"there is no environment 'prod'; there are: dev\."):
        find(here, "prod")
    release(there, prod)  # nobody noted it, or somebody took the note away


def test_the_first_stage_is_always_known() -> None:
    api = FakeApi()
    release(api, environment_of("dev"))
    assert find(api, "dev").account == "000000000000"
