import pytest

from pileus.languages.cfn import TemplateError, compare_templates

from .support import Known, resolved


def test_order_has_parallel_levels() -> None:
    template = resolved("""
Resources:
  Web: {Type: T::W::W, Properties: {Q: !GetAtt Queue.Arn, T: !Sub '${Table}'}}
  Queue: {Type: T::Q::Q}
  Table: {Type: T::T::T, DependsOn: Queue}
  Other: {Type: T::O::O}
""")
    assert template.levels == (("Queue", "Other"), ("Table",), ("Web",))
    assert template.needs["Web"] == {"Queue", "Table"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "Resources: {Z: {Type: T, DependsOn: A}, A: {Type: T, Properties: {x: !Ref B}}, B: {Type: T, Properties: {x: !Ref A}}, C: {Type: T, DependsOn: Z}}",
            "Circular dependency between resources: [A, B]",
        ),
        ("Resources: {A: {Type: T, Properties: {x: !Ref A}}}", "Circular dependency between resources: [A]"),
        (
            "Resources: {A: {Type: T, DependsOn: Q, Properties: {x: !Ref X, y: !Sub '${Y}'}}}",
            "Template format error: Unresolved resource dependencies [Q, X, Y] in the Resources block of the template",
        ),
        ("Resources: {A: {Type: T, Properties: {x: !GetAtt X.Arn}}}", "Template error: instance of Fn::GetAtt references undefined resource X"),
        (
            "Resources: {A: {Type: T}}\nOutputs: {O: {Value: !Ref X}}",
            "Template format error: Unresolved resource dependencies [X] in the Outputs block of the template",
        ),
        (
            "Resources: {A: {Type: T, Condition: C}}",
            "Template format error: Unresolved condition dependency C in the Resources block of the template",
        ),
        (
            "Conditions: {C: !Equals [!Ref A, x]}\nResources: {A: {Type: T}}",
            "Template format error: Unresolved dependencies [A]. Cannot reference resources in the Conditions block of the template",
        ),
        (
            "Conditions: {C: !Not [!Condition D], D: !Not [!Condition C]}\nResources: {A: {Type: T}}",
            "Template format error: Circular dependency between conditions: [C, D]",
        ),
        (
            "Conditions: {C: !Equals [a, b]}\nResources: {A: {Type: T, Condition: C}, B: {Type: T, Properties: {x: !Ref A}}}",
            "Template format error: Unresolved resource dependencies [A] in the Resources block of the template",
        ),
    ],
)  # fmt: skip
def test_refuses(text: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        resolved(text)
    assert str(caught.value) == message


def test_conditions_choose_resources_outputs_and_branches() -> None:
    template = resolved("""
Conditions: {Down: !Equals [a, b], Up: !Equals [1, '1']}
Resources:
  A: {Type: T::A::A, Condition: Down}
  B: {Type: T::B::B, DependsOn: A, Properties: {x: !If [Down, !Ref A, none]}}
Outputs:
  OA: {Condition: Down, Value: !Ref A}
  OB: {Condition: Up, Value: !GetAtt B.Arn, Export: {Name: !Sub '${AWS::StackName}-b'}}
""")
    assert list(template.resources) == ["B"]
    assert template.properties("B", Known()) == {"x": "none"}
    (output,) = template.outputs(Known())
    assert (output.name, output.value, output.export_name) == ("OB", "B/Arn", "shop-b")


RULES = """
Parameters: {Env: {Type: String}, Size: {Type: String, Default: small}}
Rules:
  Prod:
    RuleCondition: !Equals [!Ref Env, prod]
    Assertions:
      - Assert: {'Fn::Contains': [[large, huge], !Ref Size]}
        AssertDescription: prod needs a large size
Resources: {A: {Type: T::A::A}}
"""


def test_rules_are_checked_when_their_condition_holds() -> None:
    resolved(RULES, Env="dev")
    resolved(RULES, Env="prod", Size="huge")
    with pytest.raises(TemplateError, match="Rule Prod failed: prod needs a large size"):
        resolved(RULES, Env="prod")


BEFORE = """
Resources:
  A: {Type: T::A::A, Properties: {x: {y: [1, 2], z: 1}}}
  Gone: {Type: T::G::G, Properties: {a: !Ref A}}
  Same: {Type: T::S::S, Properties: {x: '1'}}
"""
AFTER = """
Resources:
  New: {Type: T::N::N, Properties: {a: !Ref A}}
  A: {Type: T::A::A, DeletionPolicy: Retain, Properties: {x: {y: [1, 3], w: 1}}}
  Same: {Type: T::S::S, Properties: {x: '1'}}
"""


def test_difference_names_paths_in_the_order_of_work() -> None:
    changes = compare_templates(resolved(BEFORE), resolved(AFTER), Known())
    assert [(c.action, c.logical_id) for c in changes] == [
        ("Modify", "A"),
        ("Add", "New"),
        ("Remove", "Gone"),
    ]
    assert changes[0].scopes == ("Properties", "DeletionPolicy")
    assert [(p.path, p.before, p.after) for p in changes[0].properties] == [
        (("x", "y", 1), 2, 3),
        (("x", "z"), 1, None),
        (("x", "w"), None, 1),
    ]
    assert changes[0].properties[0].name == "x"


def test_no_change_is_an_empty_list_and_a_new_stack_is_all_adds() -> None:
    assert compare_templates(resolved(BEFORE), resolved(BEFORE), Known()) == []
    assert {c.action for c in compare_templates(None, resolved(BEFORE), Known())} == {"Add"}


def test_what_was_deployed_wins_over_the_old_template() -> None:
    deployed = {"Same": {"x": "0"}}
    (change,) = compare_templates(resolved(BEFORE), resolved(BEFORE), Known(), deployed)
    assert change.properties[0].path == ("x",)


def test_a_type_may_not_change() -> None:
    with pytest.raises(TemplateError, match=r"resource type of the following resources: \[A\]"):
        compare_templates(
            resolved("Resources: {A: {Type: T::A::A}}"),
            resolved("Resources: {A: {Type: T::B::B}}"),
            Known(),
        )
