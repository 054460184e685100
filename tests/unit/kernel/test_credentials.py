"""Access keys and temporary credentials."""

from __future__ import annotations

import base64

import pytest

from pileus.kernel.credentials import (
    Credentials,
    access_key_id,
    account_of,
    issue,
    verify,
)
from pileus.testing import SeededChance
from pileus.testing.platform import MemoryPlatform
from pileus.values.context import Principal

KEY = b"k" * 32
CHANCE = SeededChance(7).random_bytes
ROLE = Principal("arn:aws:sts::123456789012:assumed-role/r/s", "123456789012", "", "AROAX:s")


@pytest.mark.parametrize("account", ["000000000000", "999999999999", "123456789012"])
def test_a_key_id_names_its_account(account: str) -> None:
    key_id = access_key_id("AKIA", account, CHANCE)
    assert len(key_id) == 20
    assert account_of(key_id) == account


@pytest.mark.parametrize("key_id", ["", "test", "AKIA" + "1" * 16, "AKIA" + "7" * 16, "x" * 21])
def test_what_is_no_key_id_names_no_account(key_id: str) -> None:
    assert account_of(key_id) is None


def test_issued_credentials_verify() -> None:
    made = issue(KEY, CHANCE, ROLE, now_ms=1_500, duration_s=900)
    assert made.access_key_id.startswith("ASIA")
    assert len(made.secret_key) == 40
    assert made.expires_ms == 901_000
    assert verify(KEY, made.access_key_id, made.session_token) == made
    assert made.principal.arn == ROLE.arn
    assert made.principal.user_id == ROLE.user_id


def test_a_changed_token_does_not_verify() -> None:
    made = issue(KEY, CHANCE, ROLE, now_ms=0, duration_s=900)
    raw = base64.b64decode(made.session_token)
    for at in (0, 5, len(raw) - 1):
        changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        assert verify(KEY, made.access_key_id, base64.b64encode(changed).decode()) is None
    assert verify(b"o" * 32, made.access_key_id, made.session_token) is None
    assert verify(KEY, access_key_id("ASIA", ROLE.account, CHANCE), made.session_token) is None
    assert verify(KEY, made.access_key_id, "") is None
    assert verify(KEY, made.access_key_id, "no base64 é") is None


async def test_lookup(memory_platform: MemoryPlatform) -> None:
    kernel = memory_platform.kernel
    credentials = Credentials.of(kernel)
    default = credentials.lookup("test")
    assert default is not None
    assert (default.secret_key, default.principal.account) == ("test", "000000000000")
    stage = credentials.lookup("123456789012")
    assert stage is not None
    assert stage.principal.arn == "arn:aws:iam::123456789012:root"
    assert stage.is_loopback_only
    assert credentials.lookup("nobody") is None
    assert credentials.lookup(access_key_id("AKIA", "123456789012", CHANCE)) is None
    made = issue(kernel.signing_key, CHANCE, ROLE, kernel.clock.now_ms(), 900)
    assert credentials.lookup(made.access_key_id, made.session_token) == made
    assert credentials.lookup(made.access_key_id, "") is None
