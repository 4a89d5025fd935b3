"""A producer that can be used wrongly in fewer ways than the one it wraps.

Four faults of aiokafka 0.14 are closed here:

* after a record that failed at the broker the next one may still be written, out of order or with a sequence error for
  ever: here the producer is *spent* after the first failure and refuses everything else;
* what waits for a topic may leave in the same step of the event loop in which the batch before it failed, before
  anybody has seen the failure: here it is looked for just before anything leaves;
* all that waits for one broker leaves in one request, without any limit on it; a request larger than the broker accepts
  is cut and repeated for ever, silently: here only so many bytes may be unacknowledged at a time;
* ``stop`` waits for unsent records, for ever while the broker is away, and half a minute for the goodbye of a TLS
  connection: here it gives up after a while.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.structs import RecordMetadata

from schemas.limits import SOCKET_REQUEST_MAX_BYTES

MAX_BATCH_BYTES: Final = 900_000  # records that leave as one batch; a batch above the topic's 1 MiB is refused whole
UNACKNOWLEDGED_MAX_BYTES: Final = SOCKET_REQUEST_MAX_BYTES * 3 // 4  # the rest is for framing and headers
RECORD_OVERHEAD_BYTES: Final = 128  # batch header 61, record header below 36, topic name and lengths
STOP_GRACE_S: Final = 5.0  # how long a stop waits for acknowledgements that may never come
_ABANDON_WITHIN_S: Final = 2.0  # everything is settled by then; a connection that waits for a goodbye ends by itself
_ONLY_PARTITION: Final = 0  # every topic here has one: order is per facility

Headers = Sequence[tuple[str, bytes]]


class ProducerSpentError(KafkaError):  # type: ignore[misc]  # aiokafka is untyped
    """An earlier record of this producer failed or is unknown: build a new one and send again what was not
    confirmed.
    """


class NoRoomError(KafkaError):  # type: ignore[misc]  # aiokafka is untyped
    """What others have not had acknowledged left no room in time. Nothing was sent; the producer stays good."""


_ending: set["asyncio.Future[Any]"] = set()


class Producer:
    """Idempotent, ``acks=all``, uncompressed (sealed content does not shrink), one record after another per topic."""

    def __init__(self, options: Mapping[str, Any], *, max_record_bytes: int, linger_ms: int = 0) -> None:
        self._producer = AIOKafkaProducer(
            **options,
            acks="all",  # every replica in sync has it
            enable_idempotence=True,  # a retry inside the client doubles nothing
            transactional_id=None,
            compression_type=None,
            max_batch_size=MAX_BATCH_BYTES,
            max_request_size=max_record_bytes,
            linger_ms=linger_ms,
        )
        self._room = _Room(UNACKNOWLEDGED_MAX_BYTES)
        self._spent = False
        self._look_before_sending()

    @property
    def spent(self) -> bool:
        """True after the first record that failed or whose fate is unknown."""
        return self._spent

    async def start(self) -> None:
        """Connect and get a producer id.

        Raises KafkaConnectionError (no broker, or any fault of TLS) and ClusterAuthorizationFailedError (no right to
        write anywhere, which is how a facility that was cut off learns it).
        """
        try:
            await self._producer.start()
        except BaseException:
            await self.stop(grace_s=0)
            raise

    async def send(
        self,
        topic: str,
        value: bytes,
        *,
        key: bytes | None = None,
        headers: Headers = (),
        room_within_s: float | None = None,
    ) -> asyncio.Future[RecordMetadata]:
        """Queue one record; the future tells where it stands once every replica has it. Await every future.

        Waits while too much is unacknowledged, at most ``room_within_s`` seconds. Raises NoRoomError after them,
        MessageSizeTooLargeError (nothing was sent, the producer stays
        good), TopicAuthorizationFailedError, KafkaTimeoutError, ProducerSpentError, and UnknownTopicOrPartitionError,
        also after a while when no broker answers and this producer has not written to the topic before.
        """
        self._refuse_when_spent()
        size = RECORD_OVERHEAD_BYTES + len(value) + len(key or b"")
        size += sum(len(name) + len(content) + RECORD_OVERHEAD_BYTES for name, content in headers)
        try:
            async with asyncio.timeout(room_within_s):
                await self._room.take(size)
        except TimeoutError:
            raise NoRoomError from None
        try:
            self._refuse_when_spent()
            sent: asyncio.Future[RecordMetadata] = await self._producer.send(
                topic, value, key=key, partition=_ONLY_PARTITION, headers=list(headers)
            )
        except BaseException:
            self._room.give_back(size)
            raise
        sent.add_done_callback(lambda done: self._settled(done, size))
        return sent

    async def send_and_wait(
        self, topic: str, value: bytes, *, key: bytes | None = None, headers: Headers = ()
    ) -> RecordMetadata:
        """Send one record and wait until every replica has it. Raises what ``send`` and the broker raise."""
        return await (await self.send(topic, value, key=key, headers=headers))

    async def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """Close. What is not acknowledged within ``grace_s`` seconds fails with ProducerSpentError; it may exist all
        the same.
        """
        grace = 0.0 if self._spent else grace_s
        self._spent = True
        try:
            async with asyncio.timeout(grace):
                await self._producer.stop()
        except TimeoutError:
            await self._abandon()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _refuse_when_spent(self) -> None:
        if self._spent:
            raise ProducerSpentError

    def _settled(self, sent: asyncio.Future[RecordMetadata], size: int) -> None:
        if sent.cancelled() or sent.exception() is not None:
            self._spent = True
        self._room.give_back(size)

    def _look_before_sending(self) -> None:
        """Have the client look for a batch that failed just now, whose records' callbacks have not run yet."""
        accumulator = self._producer._message_accumulator
        drain = accumulator.drain_by_nodes

        def look_and_drain(*arguments: Any, **named: Any) -> Any:
            for batch in [one for one in accumulator._pending_batches if _has_failed(one.future)]:
                self._spent = True
                for waiting in accumulator._batches.pop(batch.tp, ()):
                    waiting.failure(ProducerSpentError())
                    waiting._drain_waiter.exception()  # seen, though nobody may be waiting for it
            return drain(*arguments, **named)

        accumulator.drain_by_nodes = look_and_drain

    async def _abandon(self) -> None:
        """Fail what waits, then close the connections, so that no request waits for its time to run out, and the task
        that sends. What has not ended soon ends by itself: an answer that comes after our goodbye keeps TLS waiting.

        A batch under way finds itself already settled, which ends the client's background task with a KeyError.
        """
        self._producer._message_accumulator.fail_all(ProducerSpentError())
        ending = asyncio.gather(self._producer.client.close(), self._producer._sender.close(), return_exceptions=True)
        _ending.add(ending)
        ending.add_done_callback(_ending.discard)
        await asyncio.wait([ending], timeout=_ABANDON_WITHIN_S)


def _has_failed(future: "asyncio.Future[Any]") -> bool:
    return future.done() and (future.cancelled() or future.exception() is not None)


class _Room:
    """Bytes that may be under way at once, given first come, first served; a single larger one goes alone."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._taken = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, size: int) -> None:
        if not self._waiting and self._fits(size):
            self._taken += size
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((size, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # granted and cancelled in the same moment
                self.give_back(size)
            raise

    def give_back(self, size: int) -> None:
        self._taken -= size
        while self._waiting:
            wanted, turn = self._waiting[0]
            if turn.done():  # its owner gave up
                self._waiting.popleft()
                continue
            if not self._fits(wanted):
                return
            self._waiting.popleft()
            self._taken += wanted
            turn.set_result(None)

    def _fits(self, size: int) -> bool:
        return self._taken == 0 or self._taken + size <= self._size
