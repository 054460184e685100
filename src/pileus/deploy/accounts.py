"""A stage is an environment, and an environment is an account of its own.

The stage ``dev`` is the default account; every other stage's account is derived from its name, so
that all clients agree on it without asking anybody.
"""

from __future__ import annotations

import hashlib

import msgspec

from pileus.values.context import DEFAULT_ACCOUNT, DEFAULT_REGION

DEFAULT_STAGE = "dev"
SECRET = "test"
ENVIRONMENTS_PREFIX = "/pileus/environments/"
"""The parameter ``<prefix><stage>`` of the first account holds that stage's account."""
_FIRST = 10**11
_COUNT = 9 * 10**11


class Environment(msgspec.Struct, frozen=True):
    """A stage and where its resources live.

    Attributes:
        access_key: works with the secret ``test``, from this machine only.
    """

    stage: str
    account: str

    @property
    def access_key(self) -> str:
        """The access key id: the account's own twelve digits."""
        return self.account

    def variables(self, endpoint: str, region: str = DEFAULT_REGION) -> dict[str, str]:
        """Environment variables by which AWS tools work in this environment."""
        return {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": region,
        }

    def profile(self, endpoint: str, region: str = DEFAULT_REGION) -> str:
        """A section for ``~/.aws/config``; then ``aws --profile pileus-<stage> …`` works."""
        return (
            f"[profile pileus-{self.stage}]\n"
            f"endpoint_url = {endpoint}\n"
            f"region = {region}\n"
            f"aws_access_key_id = {self.access_key}\n"
            f"aws_secret_access_key = {SECRET}\n"
        )


def environment_of(stage: str) -> Environment:
    """The environment a stage stands for.

    >>> environment_of("dev").account
    '000000000000'
    """
    if stage == DEFAULT_STAGE:
        return Environment(stage, DEFAULT_ACCOUNT)
    digest = hashlib.sha256(stage.encode()).digest()
    return Environment(stage, str(_FIRST + int.from_bytes(digest[:8], "big") % _COUNT))
