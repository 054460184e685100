import pytest

from pileus.deploy.patterns import Patterns, compile_glob


@pytest.mark.parametrize(
    ("glob", "matched", "not_matched"),
    [
        ("*.py", ["a.py", ".x.py"], ["a/b.py", "a.pyc"]),
        ("**", ["a", "a/b/c", ".git/x"], []),
        ("**/*.py", ["a.py", "a/b/c.py"], ["a.txt"]),
        ("src/**", ["src/a", "src/a/b"], ["srcs/a", "src"]),
        ("src/**/test.py", ["src/test.py", "src/a/b/test.py"], ["src/xtest.py"]),
        ("a**b", ["ab", "axxb"], ["a/b"]),
        ("?.txt", ["a.txt"], ["ab.txt", "/.txt"]),
        ("[ab].txt", ["a.txt"], ["c.txt"]),
        ("[!ab].txt", ["c.txt"], ["a.txt", "/.txt"]),
        ("*.{js,ts}", ["a.js", "a.ts"], ["a.jsx"]),
        ("v{1..3}", ["v1", "v3"], ["v4"]),
        ("{single}", ["{single}"], ["single"]),
        ("@(a|b)/c", ["a/c", "b/c"], ["ab/c"]),
        ("+(ab).x", ["ab.x", "abab.x"], [".x"]),
        ("?(a)b", ["b", "ab"], ["aab"]),
        ("x/!(a|b)", ["x/c", "x/ab"], ["x/a", "x/b"]),
        ("a.b+c(d)", ["a.b+c(d)"], ["axb+c(d)"]),
        (r"\*.txt", ["*.txt"], ["a.txt"]),
    ],
)
def test_a_glob_matches_as_documented(
    glob: str, matched: list[str], not_matched: list[str]
) -> None:
    regex = compile_glob(glob)
    assert [path for path in matched if not regex.match(path)] == []
    assert [path for path in not_matched if regex.match(path)] == []


def test_the_last_match_decides_and_silence_includes() -> None:
    patterns = Patterns(["!data/**", "data/keep/**", "!**/*.log"])
    assert patterns.includes("code.py")
    assert not patterns.includes("data/x")
    assert patterns.includes("data/keep/x")
    assert not patterns.includes("data/keep/x.log")


def test_folders_without_hope_are_not_looked_through() -> None:
    patterns = Patterns(["!node_modules/**", "!**", "app/**", "./lib/*.py"])
    assert not patterns.may_include_below("node_modules")
    assert not patterns.may_include_below("data/deep")
    assert patterns.may_include_below("app")
    assert patterns.may_include_below("app/deep")
    assert patterns.may_include_below("lib")
    assert Patterns(["!a/**", "**/*.keep"]).may_include_below("a/b")
    assert not Patterns(["**/*.keep", "!a/**"]).may_include_below("a/b")
    assert Patterns(["!**/__pycache__/**"]).may_include_below("src")
    assert not Patterns(["!**/__pycache__/**"]).may_include_below("src/__pycache__")
