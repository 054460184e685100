"""The steps of a phase, frozen with their order before the first of them begins."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping

from pileus.kernel.calls import WriteCall
from pileus.services.cloudformation import store
from pileus.services.cloudformation.model import Operation, StackResource, Step

_TOKEN_LENGTH = 12


def new_token(random_bytes: bytes) -> str:
    """Twelve characters for generated names, from 8 random bytes."""
    return base64.b32encode(random_bytes).decode()[:_TOKEN_LENGTH]


def plan_apply(call: WriteCall, uuid: str, needs: Mapping[str, Iterable[str]]) -> None:
    """One step per resource of the template; ``needs`` lists each after those it needs."""
    place = {logical_id: index for index, logical_id in enumerate(needs)}
    steps = [
        Step(
            index=place[logical_id],
            action="ensure",
            logical_id=logical_id,
            needs=sorted(place[each] for each in others),
            token=new_token(call.random_bytes(8)),
        )
        for logical_id, others in needs.items()
    ]
    _replace_steps(call, uuid, steps)


def plan_delete(call: WriteCall, uuid: str, operation: Operation) -> None:
    """Every resource that still exists, each after those that need it."""
    existing = [
        each
        for each in store.resources(call.state, uuid).values()
        if each.status not in ("DELETE_COMPLETE", "DELETE_SKIPPED")
    ]
    steps = [
        Step(
            index=index,
            action="delete",
            logical_id=each.logical_id,
            target=each,
            is_kept=_is_kept(each.deletion_policy, operation)
            or each.logical_id in operation.retain,
        )
        for index, each in enumerate(existing)
    ]
    _replace_steps(call, uuid, _in_reverse(steps))


def plan_restore(call: WriteCall, uuid: str) -> None:
    """What the failed update touched, as it was, each after those it needs."""
    befores = store.befores(call.state, uuid)
    touched = {name: before for name, before in befores.items() if before is not None}
    order = {name: index for index, name in enumerate(touched)}
    steps = [
        Step(
            index=order[name],
            action="restore",
            logical_id=name,
            needs=sorted(order[each] for each in before.needs if each in order),
        )
        for name, before in touched.items()
    ]
    _replace_steps(call, uuid, steps)


def plan_cleanup(call: WriteCall, uuid: str, wanted: frozenset[str]) -> None:
    """After an update: what it replaced, and what the template no longer has."""
    resources = store.resources(call.state, uuid)
    steps: list[Step] = []
    for name, before in store.befores(call.state, uuid).items():
        now = resources.get(name)
        is_other = now is not None and before is not None and now.physical_id != before.physical_id
        if before is not None and before.physical_id and is_other:
            steps.append(_left(before, before.replace_policy == "Retain"))
    for name, each in resources.items():
        if name not in wanted:
            steps.append(_gone(each, _is_kept(each.deletion_policy, None)))
    _plan_leftovers(call, uuid, steps)
    _replace_steps(call, uuid, _in_reverse(steps))


def plan_rollback_cleanup(call: WriteCall, uuid: str, operation: Operation) -> None:
    """After a rollback: what the failed update had made anew."""
    resources = store.resources(call.state, uuid)
    steps = [
        _gone(resources[name], _is_kept(resources[name].deletion_policy, operation))
        for name, before in store.befores(call.state, uuid).items()
        if before is None and name in resources
    ]
    _plan_leftovers(call, uuid, steps)
    _replace_steps(call, uuid, _in_reverse(steps))


def _plan_leftovers(call: WriteCall, uuid: str, steps: list[Step]) -> None:
    steps += [_left(each, False) for each in store.leftovers(call.state, uuid)]


def _left(target: StackResource, is_kept: bool) -> Step:
    return Step(
        index=0,
        action="delete",
        logical_id=target.logical_id,
        target=target,
        is_kept=is_kept,
        is_listed=False,
    )


def _gone(target: StackResource, is_kept: bool) -> Step:
    return Step(
        index=0,
        action="delete",
        logical_id=target.logical_id,
        target=target,
        is_kept=is_kept,
        is_gone_after=True,
    )


def _is_kept(policy: str, undone: Operation | None) -> bool:
    """Whether a deletion policy keeps a resource; ``undone``: the operation that made it fails."""
    if undone is None or undone.kind == "DELETE":
        return policy in ("Retain", "RetainExceptOnCreate")
    return policy == "Retain" and not undone.retain_except_on_create


def _in_reverse(steps: list[Step]) -> list[Step]:
    """Number the steps, each to come after those whose resources need its resource."""
    places: dict[str, list[int]] = {}
    for index, step in enumerate(steps):
        step.index = index
        places.setdefault(step.logical_id, []).append(index)
    for step in steps:
        assert step.target is not None
        for name in step.target.needs:
            for index in places.get(name, ()):
                steps[index].needs.append(step.index)
    return steps


def _replace_steps(call: WriteCall, uuid: str, steps: list[Step]) -> None:
    call.state.delete_range(("step", uuid))
    for step in steps:
        store.put_step(call.state, uuid, step)
