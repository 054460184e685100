"""State against a dictionary: Hypothesis tries sequences of transactions on both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pileus.ports.state import Snapshot, Space, State, Transaction
from pileus.values.keys import Key, encode_key

SPACES: tuple[Space, ...] = (("0", "r", "a"), ("0", "r", "b"))
PARTS = st.sampled_from(["", "a", "a\0", "ab", "b", 0, 1, -1, 256, b"", b"\0", b"\xff"])
KEYS = st.lists(PARTS, min_size=1, max_size=3).map(tuple)
PREFIXES = st.lists(PARTS, max_size=2).map(tuple)
BOUNDS = st.fixed_dictionaries(
    {},
    optional={
        "start": KEYS,
        "after": KEYS,
        "stop": KEYS,
        "limit": st.integers(0, 5),
        "reverse": st.booleans(),
    },
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS, st.binary(max_size=3)),
        st.tuples(st.just("delete"), KEYS),
        st.tuples(st.just("delete_range"), PREFIXES),
        st.tuples(st.just("get"), KEYS),
        st.tuples(st.just("range"), PREFIXES, BOUNDS),
    ),
    max_size=8,
)


class _Undo(Exception):
    pass


class DictionaryView:
    """The port's prose, done in the most obvious way."""

    def __init__(self, pairs: dict[Key, bytes]) -> None:
        self.pairs = pairs

    def run(self, step: tuple[Any, ...]) -> object:
        """The outcome of one step."""
        verb, *arguments = step
        return getattr(self, "_" + verb)(*arguments)

    def _put(self, key: Key, value: bytes) -> None:
        self.pairs[key] = value

    def _delete(self, key: Key) -> None:
        self.pairs.pop(key, None)

    def _delete_range(self, prefix: Key) -> int:
        gone = [key for key in self.pairs if key[: len(prefix)] == prefix]
        for key in gone:
            del self.pairs[key]
        return len(gone)

    def _get(self, key: Key) -> bytes | None:
        return self.pairs.get(key)

    def _range(self, prefix: Key, bounds: dict[str, Any]) -> list[tuple[Key, bytes]]:
        found = []
        for key in sorted(self.pairs, key=encode_key, reverse=bounds.get("reverse", False)):
            raw = encode_key(key)
            if (
                key[: len(prefix)] == prefix
                and ("start" not in bounds or raw >= encode_key(bounds["start"]))
                and ("after" not in bounds or raw > encode_key(bounds["after"]))
                and ("stop" not in bounds or raw < encode_key(bounds["stop"]))
            ):
                found.append((key, self.pairs[key]))
        return found[: bounds.get("limit")]


def run_step(view: Snapshot | Transaction, step: tuple[Any, ...]) -> object:
    """The outcome of the same step on a real view."""
    verb, *arguments = step
    if verb == "range":
        return view.range(arguments[0], **arguments[1])
    return getattr(view, verb)(*arguments)


def state_model(
    new_store: Callable[[], Callable[[], State]],
) -> type[RuleBasedStateMachine]:
    """A state machine class that holds a store against dictionaries.

    ``new_store`` is called for each example and returns what opens one and the same empty store
    as often as it is called.
    """

    class StateModel(RuleBasedStateMachine):
        @initialize()
        def start(self) -> None:
            self.loop = asyncio.new_event_loop()
            self.pairs: dict[Space, dict[Key, bytes]] = {space: {} for space in SPACES}
            self.open_state = new_store()
            self.state = self._run(_opened(self.open_state))

        def _run(self, work: Any) -> Any:
            return self.loop.run_until_complete(work)

        @rule(
            transactions=st.lists(
                st.tuples(st.sampled_from(SPACES), STEPS, st.booleans()), min_size=1, max_size=4
            )
        )
        def transact(self, transactions: list[tuple[Space, list[tuple[Any, ...]], bool]]) -> None:
            """Several at once: they run in the order in which they are started."""
            wanted: list[object] = []
            for space, steps, is_kept in transactions:
                model = DictionaryView(dict(self.pairs[space]))
                outcome = [model.run(step) for step in steps]
                if is_kept:
                    self.pairs[space] = model.pairs
                wanted.append(outcome if is_kept else _Undo)
            got = self._run(self._at_once(transactions))
            assert [_Undo if isinstance(each, _Undo) else each for each in got] == wanted

        async def _at_once(
            self, transactions: list[tuple[Space, list[tuple[Any, ...]], bool]]
        ) -> list[object]:
            def work(tx: Transaction, steps: list[tuple[Any, ...]], is_kept: bool) -> list[object]:
                outcome = [run_step(tx, step) for step in steps]
                if not is_kept:
                    raise _Undo
                return outcome

            started: list[asyncio.Future[object]] = []
            for space, steps, is_kept in transactions:
                started.append(
                    asyncio.ensure_future(
                        self.state.transact(
                            space, lambda tx, s=steps, kept=is_kept: work(tx, s, kept)
                        )
                    )
                )
                await asyncio.sleep(0)
            return await asyncio.gather(*started, return_exceptions=True)

        @rule(space=st.sampled_from(SPACES), prefix=PREFIXES, bounds=BOUNDS)
        def read(self, space: Space, prefix: Key, bounds: dict[str, Any]) -> None:
            step = ("range", prefix, bounds)
            got = self.state.read(space, lambda view: run_step(view, step))
            assert got == DictionaryView(self.pairs[space]).run(step)

        @rule()
        def reopen(self) -> None:
            self._run(self.state.close())
            self.state = self._run(_opened(self.open_state))

        @invariant()
        def same_spaces(self) -> None:
            wanted = sorted(space for space, pairs in self.pairs.items() if pairs)
            assert sorted(self.state.spaces()) == wanted

        def teardown(self) -> None:
            if hasattr(self, "state"):
                self._run(self.state.close())
            if hasattr(self, "loop"):
                self.loop.close()

    return StateModel


async def _opened(open_state: Callable[[], State]) -> State:
    return open_state()
