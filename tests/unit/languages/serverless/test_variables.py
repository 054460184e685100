import pytest

from pileus.languages.serverless import Options, ServiceFileError, Sources, load

FILES = {
    "x.yml": "key: {inner: v1}\nk2: ${self:service}\nlist: [a, b]",
    "y.json": '{"a": {"b": 7}}',
    "z.txt": "plain text\n",
    "custom.yml": "one: 1\ntwo: ${self:custom.one}",
    ".env": "FROM_DOTENV=base\nOTHER='quoted # x' # c\nexport THIRD=3",
    ".env.prod": "FROM_DOTENV=prod",
}
SOURCES = Sources(
    read_file=FILES.get,
    environment={"SET": "yes", "STAGE_OF": "prod", "TEMPLATE": "${env:SET}"},
    parameter={"/p": "pv", "/aws/reference/secretsmanager/s": '{"k": "sv"}'}.get,
    stack_output={"other.Out": "ov"}.get,
    account="123456789012",
    instance_id="i-1",
)


def custom(value: str, options: Options | None = None, rest: str = "") -> object:
    text = f"""
service: svc
useDotenv: true
provider: {{name: aws, runtime: python3.12, region: eu-west-1}}
params: {{default: {{p: dflt, q: only}}, prod: {{p: prd}}}}
custom:
  v: {value}
  a: {{b: 1, list: [x, y], prod: {{mem: 9}}, dev: {{mem: 2}}}}
  name: named
{rest}
"""
    root, _, _ = load(text, SOURCES).resolve(options)
    return root["custom"]["v"].value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("${self:service}", "svc"),
        ("${self:custom.a.b}", 1),
        ("${self:custom.a.list}", ["x", "y"]),
        ("${self:custom.a.list.1}", "y"),
        ("${self:custom.none, 'default'}", "default"),
        ("'${self:custom.none, \"default\"}'", "default"),
        ("${self:custom.none, 5}", 5),
        ("${self:custom.none, true}", True),
        ("${self:custom.none, null}", None),
        ("${self:custom.none, self:custom.name}", "named"),
        ("${self:custom.none, ${env:NOPE, 'deep'}}", "deep"),
        ("pre-${self:service}-${self:custom.a.b}", "pre-svc-1"),
        ("${self:custom.a.${sls:stage}.mem}", 2),
        ("${opt:stage, 'dev'}", "dev"),
        ("${opt:stage, self:provider.region}", "eu-west-1"),
        ("${env:SET}", "yes"),
        ("${env:TEMPLATE}", "yes"),
        ("${env:FROM_DOTENV}", "base"),
        ("${env:OTHER}", "quoted # x"),
        ("${env:THIRD}", "3"),
        ("${file(./x.yml):key.inner, 'n'}", "n"),
        ("${file(x.yml):key.inner}", "v1"),
        ("${file(x.yml):key}", {"inner": "v1"}),
        ("${file(x.yml):k2}", "svc"),
        ("'${file(x.yml):list.0}${file(x.yml):list.1}'", "ab"),
        ("${file(${self:custom.f, 'y'}.json):a.b}", 7),
        ("${file(z.txt)}", "plain text"),
        ("${file(gone.yml), 'none'}", "none"),
        ("${ssm:/p}", "pv"),
        ("${ssm:/aws/reference/secretsmanager/s}", {"k": "sv"}),
        ("${ssm(raw):/aws/reference/secretsmanager/s}", '{"k": "sv"}'),
        ("${param:p}", "dflt"),
        ("${param:q}", "only"),
        ("${sls:stage}", "dev"),
        ("${sls:instanceId}", "i-1"),
        ("${aws:accountId}", "123456789012"),
        ("${aws:region}", "eu-west-1"),
        ("${cf:other.Out}", "ov"),
        ("${cf(us-east-1):other.Out}", "ov"),
        ("${strToBool(true)}", True),
        ("${strToBool(${env:NOPE, 'false'})}", False),
        ("'${AWS::Region} ${Name} ${Name.Arn}'", "${AWS::Region} ${Name} ${Name.Arn}"),
        ("'x\\${self:service}-${self:service}'", "x${self:service}-svc"),
    ],
)
def test_resolves(value: str, expected: object) -> None:
    assert custom(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("${opt:stage}", "prod"),
        ("${sls:stage}", "prod"),
        ("${param:p}", "prd"),
        ("${param:z}", "given"),
        ("${env:FROM_DOTENV}", "prod"),
        ("${self:custom.a.${sls:stage}.mem}", 9),
        ("${opt:colour}", "red"),
        ("${aws:region}", "us-west-2"),
    ],
)
def test_the_command_line_counts(value: str, expected: object) -> None:
    options = Options("prod", "us-west-2", {"z": "given"}, {"colour": "red"})
    assert custom(value, options) == expected


def test_a_section_may_be_a_file_that_refers_to_itself() -> None:
    text = "service: s\nprovider: {name: aws}\ncustom: ${file(custom.yml)}"
    root, _, _ = load(text, SOURCES).resolve()
    assert root["custom"].value == {"one": 1, "two": 1}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("${env:NOPE}", 'custom.v: cannot resolve variable ${env:NOPE}: no value found at "env:NOPE"'),
        ("${self:custom.none, env:NOPE}", '"self:custom.none", "env:NOPE"'),
        ("${self:custom.v}", "custom.v: variables refer to each other in a circle: custom.v -> custom.v"),
        ("${self:custom.w}\n  w: ${self:custom.v}", "custom.v -> custom.w -> custom.v"),
        ("x-${self:custom.a}", "is not text and cannot stand inside text"),
        ("${bogus:x}", "unknown variable type 'bogus'; expected one of aws, cf, env"),
        ("${self:custom.a", "a variable does not end"),
        ("${sls:other}", "expected sls:stage or sls:instanceId"),
        ("${cf:stack}", "expected cf:stack.Output"),
        ("${strToBool(perhaps)}", "expected true, false, 1 or 0"),
        ("${file(x.js)}", "a program; only YAML, JSON and text are read"),
        ("${self:custom.none, }", "an alternative is empty"),
        ("${env:}", "needs an address"),
    ],
)  # fmt: skip
def test_says_which_address_cannot_be_resolved(value: str, message: str) -> None:
    with pytest.raises(ServiceFileError) as caught:
        custom(value)
    assert message in str(caught.value)


def test_a_section_that_needs_itself_is_a_clear_error() -> None:
    text = "service: s\nprovider: {name: aws}\ncustom: ${file(${self:custom.f})}"
    with pytest.raises(ServiceFileError, match=r"circle: custom\.f -> custom\.f"):
        load(text, SOURCES).resolve()


def test_a_broken_file_is_named() -> None:
    sources = Sources(read_file={"b.yml": "a: ["}.get)
    with pytest.raises(ServiceFileError, match=r"b\.yml: Template format error: YAML not well"):
        load("service: s\nprovider: {name: aws}\ncustom: ${file(b.yml)}", sources).resolve()
