"""Topics as event sources: a follower for each mapping.

https://docs.aws.amazon.com/lambda/latest/dg/with-kafka.html
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from pileus.compute.pollers import Pollers
from pileus.kernel.calls import StreamCall, WriteCall
from pileus.kernel.kernel import Kernel
from pileus.ports.kafka import HOW_TO_INSTALL, Kafka, KafkaAbsent, KafkaError, TopicReader
from pileus.services.lambda_ import errors, running, store
from pileus.services.lambda_.kafka import connecting, places
from pileus.services.lambda_.kafka.places import Place
from pileus.services.lambda_.kafka.reading import TopicFollower
from pileus.services.lambda_.model import KafkaSource, Mapping
from pileus.services.lambda_.streams.attempts import FAILED, Runner, target
from pileus.services.lambda_.streams.under_way import UnderWay
from pileus.values.errors import ServiceError


class KafkaSources:
    """The followers of every mapping of a topic; the platform has one."""

    def __init__(self, kernel: Kernel, functions: running.Functions, kafka: Kafka) -> None:
        self._kernel = kernel
        self._functions = functions
        self._kafka = kafka
        self._pollers = Pollers(kernel.clock, kernel.supervisor)
        self._under_way = UnderWay(kernel.supervisor)

    def check(self) -> None:
        """Raise InvalidParameterValueException when no cluster can be read here."""
        if isinstance(self._kafka, KafkaAbsent):
            raise errors.invalid(HOW_TO_INSTALL)

    def follow(self, call: StreamCall, mapping: Mapping) -> None:
        """Begin, change or end following, as the mapping says now."""
        if not mapping.is_enabled:
            self._pollers.stop(mapping.id)
            return
        account, region = call.account, call.region
        self._pollers.start(mapping.id, lambda: self._poll(account, region, mapping))

    def forget(self, mapping_id: str) -> None:
        """End following for a mapping that was deleted."""
        self._pollers.stop(mapping_id)

    def recover(self, call: StreamCall) -> None:
        """Follow for every mapping of this space."""
        for _, raw in call.read(lambda view: view.state.range(("mapping",))):
            mapping = store.MAPPINGS.decode(raw)
            if mapping.kafka is not None:
                self.follow(call, mapping)

    async def _poll(self, account: str, region: str, mapping: Mapping) -> None:
        """Follow until something goes wrong, or the topic has more partitions."""
        call = self._kernel.stream_call((account, region, "lambda"))
        # A batch of the follower before this one may still be with the function.
        await self._under_way.end(mapping.id)
        trouble = connecting.BAD_FUNCTION
        try:
            call.read(lambda view: target(view, mapping))
            trouble = connecting.BAD_SETTINGS
            await self._follow(call, mapping)
        except ServiceError as error:
            await _note(call, mapping.id, f"PROBLEM: {error.message}", trouble)
            raise
        except KafkaError as error:
            await _note(call, mapping.id, *connecting.told(error))
            raise

    async def _follow(self, call: StreamCall, mapping: Mapping) -> None:
        source = mapping.kafka
        if source is None:
            return
        cluster = await connecting.cluster_of(call, source)
        reader = await self._kafka.open(cluster, source.topic, source.group or mapping.id)
        found: dict[int, Place] = {}
        try:
            partitions = await reader.partitions()
            found.update(await places.find_places(call, mapping, reader, partitions))
            await _note(call, mapping.id, "", "")
            follower = self._follower(call, mapping, source, (reader, found))
            await follower.run()
        finally:
            # What is under way still commits through this reader.
            work = self._leave(call, mapping.id, reader, found)
            self._kernel.supervisor.spawn(f"leaving topic {source.topic}", work)

    def _follower(
        self,
        call: StreamCall,
        mapping: Mapping,
        source: KafkaSource,
        reached: tuple[TopicReader, dict[int, Place]],
    ) -> TopicFollower:
        async def finish(work: Coroutine[Any, Any, Any]) -> Any:
            return await self._under_way.finish(mapping.id, work)

        runner = Runner(call, self._functions, mapping, finish)
        return TopicFollower(runner, source, *reached)

    async def _leave(
        self, call: StreamCall, mapping_id: str, reader: TopicReader, found: dict[int, Place]
    ) -> None:
        """Close a reader behind its last batch, with what the group was told written down."""
        try:
            await self._under_way.end(mapping_id)

            def step(write: WriteCall) -> None:
                now = places.places_of(write, mapping_id)
                told = [each for each in found.values() if _is_as_left(each, now)]
                if write.state.get(("mapping", mapping_id)) is not None:
                    places.put(write.state, mapping_id, told)

            await call.write(step)
        finally:
            await reader.close()


def _is_as_left(place: Place, now: dict[int, Place]) -> bool:
    """Whether nobody has written a place since."""
    return place.partition in now and now[place.partition].next == place.next


async def _note(call: StreamCall, mapping_id: str, result: str, trouble: str) -> None:
    """Keep LastProcessingResult and why Lambda cannot go on; without a result all is well again."""

    def step(write: WriteCall) -> None:
        raw = write.state.get(("mapping", mapping_id))
        if raw is None:
            return
        mapping = store.MAPPINGS.decode(raw)
        before = (mapping.last_result, mapping.trouble)
        is_mended = mapping.last_result.startswith("PROBLEM") and mapping.last_result != FAILED
        mapping.last_result = result or ("OK" if is_mended else mapping.last_result)
        mapping.trouble = trouble
        if (mapping.last_result, mapping.trouble) != before:
            store.put_mapping(write.state, mapping)

    await call.write(step)
