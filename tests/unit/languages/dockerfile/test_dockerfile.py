from __future__ import annotations

import pytest

from pileus.languages.dockerfile import (
    DockerfileError,
    IgnoreRules,
    assignments,
    exec_form,
    expand,
    parse,
    words,
)


def test_lines_are_joined_and_comments_left_out() -> None:
    text = "# comment\nFROM a\nRUN one \\\n  # inside\n\n  two\\\n\tthree\nCMD x\n"
    (stage,) = parse(text).stages
    run, command = stage.instructions
    assert (run.line, run.value.split()) == (3, ["one", "two", "three"])
    assert (command.name, command.line) == ("CMD", 8)


def test_the_escape_character_can_be_a_backtick() -> None:
    found = parse("# escape=`\nFROM a\nRUN one `\n two C:\\\n")
    assert found.escape == "`"
    assert found.stages[0].instructions[0].value == "one  two C:\\"


def test_stages_names_platforms_and_arguments() -> None:
    found = parse("ARG A=1\nFROM --platform=linux/amd64 base:$A AS Build\nFROM build\n")
    first, second = found.stages
    assert [each.value for each in found.arguments] == ["A=1"]
    assert (first.base, first.name, first.platform) == ("base:$A", "build", "linux/amd64")
    assert second.base == "build"


def test_flags_and_lower_case() -> None:
    (copy,) = parse("from a\ncopy --from=x --link a b\n").stages[0].instructions
    assert (copy.name, copy.flags, copy.value) == ("COPY", {"from": "x", "link": "true"}, "a b")


def test_heredocs_with_tabs_taken_away_and_several() -> None:
    text = 'FROM a\nCOPY <<-one <<"two" /x/\n\ta\n\tone\n$b\ntwo\nRUN c\n'
    copy, run = parse(text).stages[0].instructions
    first, second = copy.heredocs
    assert (first.content, first.expands) == ("a\n", True)
    assert (second.content, second.expands) == ("$b\n", False)
    assert run.line == 7


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "Dockerfile:1: FROM: the file has no FROM"),
        ("RUN x\n", "Dockerfile:1: RUN: no stage has begun"),
        ("FROM a\nFETCH x\n", "Dockerfile:2: FETCH: there is no such instruction"),
        ("FROM a\nRUN\n", "Dockerfile:2: RUN: needs an argument"),
        ("FROM a b\n", "Dockerfile:1: FROM: takes one image"),
        ("FROM a\nRUN <<EOF\nx\n", "Dockerfile:2: RUN: the heredoc EOF has no end"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, told: str) -> None:
    with pytest.raises(DockerfileError) as caught:
        parse(text)
    assert str(caught.value).startswith(told)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("$A", "one"),
        ("${A}b", "oneb"),
        ("$Ab", ""),
        ("${N:-two}", "two"),
        ("${EMPTY:-two}", "two"),
        ("${EMPTY-two}", ""),
        ("${A:+two}", "two"),
        ("${N+two}", ""),
        ("${N:-${A}s}", "ones"),
        ("\\$A", "$A"),
        ("'$A'", "$A"),
        ('"$A b"', "one b"),
        ("a\\ b", "a b"),
        ('"a\\"b"', 'a"b'),
        ("$", "$"),
    ],
)
def test_variables_and_quotes(text: str, found: str) -> None:
    assert expand(text, {"A": "one", "EMPTY": ""}) == found


@pytest.mark.parametrize("text", ["${A", "${}", "${A:=x}", "${N:?is needed}"])
def test_variables_that_cannot_be_meant(text: str) -> None:
    with pytest.raises(ValueError):
        expand(text, {"A": "one"})


def test_words_keep_their_quotes() -> None:
    assert words("a \"b c\" d\\ e 'f g'") == ["a", '"b c"', "d\\ e", "'f g'"]
    with pytest.raises(ValueError, match="has no end"):
        words("a 'b")


def test_assignments_in_both_forms() -> None:
    assert assignments("A=1 B='2 3'", has_old_form=True) == [("A", "1"), ("B", "'2 3'")]
    assert assignments("A the rest  of it", has_old_form=True) == [("A", "the rest  of it")]
    with pytest.raises(ValueError, match="is not KEY=value"):
        assignments("A=1 B", has_old_form=True)


def test_the_exec_form_is_a_list_of_strings() -> None:
    assert exec_form('["a", "b c"]') == ["a", "b c"]
    assert exec_form("[ -f x ] && y") is None
    assert exec_form("['a']") is None


@pytest.mark.parametrize(
    ("rules", "path", "is_ignored"),
    [
        ("*.md", "a.md", True),
        ("*.md", "sub/a.md", False),
        ("**/*.md", "sub/deep/a.md", True),
        ("/sub", "sub/a", True),
        ("sub/", "sub/a", True),
        ("*\n!keep", "keep", False),
        ("*\n!keep", "other", True),
        ("a?c", "abc", True),
        ("[ab].x", "b.x", True),
        ("# a", "a", False),
        ("node_modules", "x/node_modules", False),
        ("**/node_modules", "x/node_modules/y", True),
    ],
)
def test_ignore_rules(rules: str, path: str, is_ignored: bool) -> None:
    assert IgnoreRules(rules).ignores(path) is is_ignored
