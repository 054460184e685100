"""What the models call sensitive is not shown."""

from __future__ import annotations

from pileus.shapes import shown_input


def test_sensitive_members_are_hidden() -> None:
    given = {"Name": "n", "SecretString": "hunter2"}
    shown = shown_input("secretsmanager", "CreateSecret", given)
    assert shown == {"Name": "n", "SecretString": "***"}
    assert given["SecretString"] == "hunter2"


def test_the_rest_is_as_it_was() -> None:
    given = {"QueueUrl": "u", "MessageBody": "b"}
    assert shown_input("sqs", "SendMessage", given) is given
    assert shown_input("nothing", "Nothing", given) is given
