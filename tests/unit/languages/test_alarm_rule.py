"""Rules of composite alarms."""

from __future__ import annotations

import pytest

from pileus.languages.alarm_rule import AlarmRule, InvalidAlarmRule

STATES = {"a": "ALARM", "b": "OK", "c d": "INSUFFICIENT_DATA"}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("ALARM(a)", True),
        ('ALARM("a") AND OK(b)', True),
        ('ALARM(b) OR INSUFFICIENT_DATA("c d")', True),
        ("NOT ALARM(a)", False),
        ("ALARM(b) OR ALARM(a) AND ALARM(b)", False),
        ("(ALARM(b) OR ALARM(a)) AND NOT (OK(a))", True),
        ("TRUE AND NOT FALSE", True),
        ("ALARM(arn:aws:cloudwatch:us-east-1:000000000000:alarm:a)", True),
        ("ALARM(unknown)", False),
        ('AT_LEAST(2, NOT ALARM, (a, b, "c d"))', True),
        ("AT_LEAST(50%, ALARM, (a, b))", True),
        ("AT_LEAST(2, OK, (a, b))", False),
    ],
)
def test_rules(text: str, holds: bool) -> None:
    assert AlarmRule(text).holds(STATES) is holds


def test_a_rule_names_its_children() -> None:
    assert AlarmRule('ALARM("x y") AND OK(z)').names == {"x y", "z"}


@pytest.mark.parametrize(
    "text", ["", "ALARM(", "ALARM()", "a", "ALARM(a) ALARM(b)", "AT_LEAST(x, ALARM, (a))",
             "(" * 100 + "TRUE" + ")" * 100]
)  # fmt: skip
def test_what_is_no_rule(text: str) -> None:
    with pytest.raises(InvalidAlarmRule):
        AlarmRule(text)
