"""The client for asyncio. Checks that are asked in one tick of the loop travel as one request; otherwise as `client.py`."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from types import TracebackType

import grpc

from . import _limits
from ._asked import Asked
from ._channel import Key, Place, Tls, checked_deadline, checked_pace
from ._exchange import Attempts, Checks, Exchange, Listing, Timing
from ._faults import closed, fault_of_call, fault_of_code
from ._merging import Merging
from ._proto.castellan.v1 import decision_service_pb2 as pb
from ._requests import check_position, check_subject, chunks_of, item_of, items_of, list_request
from ._wire import AioWire
from .client import questions_about
from .decisions import Decision, PermissionList
from .errors import CastellanError, DeniedError
from .questions import Question, Resource, Subject, Wanted


class AsyncClient:
    """Asks a Castellan service over gRPC, from one event loop at a time. One of them is enough for a process.

    May be made outside of a loop: it connects with the first question. Every method raises a `CastellanError` when nothing was decided:
    `UnavailableError`, `InvalidRequestError`, `UnauthenticatedError`, `CallerDeniedError`.
    """

    def __init__(
        self,
        target: str,
        *,
        key: Key,
        deadline: float = _limits.DEADLINE_SECONDS,
        retries: int = _limits.RETRIES,
        tls: bool | Tls = False,
        insecure: bool = False,
    ) -> None:
        """As `castellan.Client`; a callable `key` is called in the loop and must not wait."""
        self._place = Place(target, key, tls, insecure)
        self._deadline, self._retries = checked_pace(deadline, retries)
        self._timing = Timing(time.monotonic, random.random)
        self._wire: AioWire | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._merging = Merging(self._send_merged)
        self._under_way: set[asyncio.Task[None]] = set()
        self._closed = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._place!r})"

    def check(
        self,
        permission: str,
        *,
        user: str | None = None,
        tenant: str | None = None,
        access_token: str | None = None,
        resource: Resource | None = None,
        deadline: float | None = None,
        min_position: int | None = None,
    ) -> Asked[Decision]:
        """May `user` in `tenant`, or whoever presented `access_token`, do this? `min_position`: answer from there or a later one, or fail."""
        return Asked(self._check(Question(permission, user, tenant, access_token, resource), deadline, min_position))

    def can(
        self,
        permission: str,
        *,
        user: str | None = None,
        tenant: str | None = None,
        access_token: str | None = None,
        resource: Resource | None = None,
        deadline: float | None = None,
        min_position: int | None = None,
    ) -> Asked[bool]:
        """As `check`, when only yes or no matters."""

        async def can() -> bool:
            return (await self._check(Question(permission, user, tenant, access_token, resource), deadline, min_position)).allowed

        return Asked(can())

    async def enforce(
        self,
        permission: str,
        *,
        user: str | None = None,
        tenant: str | None = None,
        access_token: str | None = None,
        resource: Resource | None = None,
        deadline: float | None = None,
        min_position: int | None = None,
    ) -> Decision:
        """As `check`; a deny raises `DeniedError`."""
        decision = await self._check(Question(permission, user, tenant, access_token, resource), deadline, min_position)
        if not decision.allowed:
            raise DeniedError(permission, decision)
        return decision

    async def check_all(
        self, questions: Sequence[Question], *, deadline: float | None = None, min_position: int | None = None
    ) -> list[Decision]:
        """In the order of the questions, any number of them, in requests of 1,000. Raises when one of them could not be decided."""
        items = items_of(questions)
        position = check_position(min_position)
        attempts = self._attempts(deadline)
        decisions: list[Decision] = []
        for chunk in chunks_of(items):
            checks = Checks(chunk, position, attempts)
            await self._run(checks)
            for result in checks.results():
                if isinstance(result, CastellanError):
                    raise result
                decisions.append(result)
        return decisions

    async def list_permissions(self, *, user: str, tenant: str, deadline: float | None = None) -> PermissionList:
        """All that a user may do in a tenant."""
        listing = Listing(list_request(Subject(user, tenant)), self._attempts(deadline))
        await self._run(listing)
        result = listing.result()
        if isinstance(result, CastellanError):
            raise result
        return result

    def bind(self, *, user: str | None = None, tenant: str | None = None, access_token: str | None = None) -> AsyncBoundClient:
        """The same questions about one subject."""
        return AsyncBoundClient(self, Subject(user, tenant, access_token))

    async def close(self) -> None:
        """Ends what is under way with `UnavailableError`, and everything asked later. Safe to call twice."""
        self._closed = True
        for task in list(self._under_way):
            task.cancel()
        wire, self._wire = self._wire, None
        if wire is not None and self._loop is asyncio.get_running_loop():
            await wire.channel.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def _check(self, question: Question, deadline: float | None, min_position: int | None) -> Decision:
        item = item_of(question)
        position = check_position(min_position)
        seconds = self._deadline if deadline is None else checked_deadline(deadline)
        self._open()
        answer = self._merging.add(item, position, seconds)
        try:
            return await asyncio.wait_for(answer, seconds)
        except asyncio.TimeoutError:
            raise fault_of_code("deadline_exceeded") from None

    def _attempts(self, deadline: float | None) -> Attempts:
        seconds = self._deadline if deadline is None else checked_deadline(deadline)
        return Attempts(seconds, self._retries, self._timing)

    def _send_merged(self, items: Sequence[pb.BatchCheckItem], min_position: int | None, seconds: float, done: Callable[[Checks], None]) -> Callable[[], None]:
        """Sends in the background; answers what ends it when nobody waits any more."""
        checks = Checks(items, min_position, self._attempts(seconds))
        task = self._start(checks)
        task.add_done_callback(lambda _: done(checks))
        return lambda: None if task.cancel() else None

    async def _run(self, exchange: Exchange) -> None:
        self._open()
        task = self._start(exchange)
        try:
            # The call has a task of its own, so that a call that gRPC cancels is told from a caller who is cancelled.
            await asyncio.wait([task])
        finally:
            task.cancel()
        if not task.cancelled():
            task.result()

    def _start(self, exchange: Exchange) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(self._walk(exchange))
        self._under_way.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._under_way.discard(task)
            # Before its first step: nothing of it has run, so nothing of it could say why.
            if task.cancelled():
                exchange.failed(self._given_up(), False)

        task.add_done_callback(ended)
        return task

    def _open(self) -> AioWire:
        if self._closed:
            raise closed()
        loop = asyncio.get_running_loop()
        if self._wire is None or self._loop is not loop:
            if self._loop is not None and self._loop is not loop and self._loop.is_running():
                raise CastellanError("This client is at work in another event loop; nothing was decided.", code="other_loop", hint="Make one for each loop.")
            # A channel lives in the loop that it was opened in; of an earlier one nothing is left.
            self._wire, self._loop = AioWire(self._place.open_aio()), loop
            self._merging = Merging(self._send_merged)
            self._under_way = set()
        return self._wire

    async def _walk(self, exchange: Exchange) -> None:
        """Ends with an answer or a failure in the exchange; raises nothing but a programming error."""
        try:
            pause: float | None = 0.0
            while pause is not None:
                if pause > 0:
                    await asyncio.sleep(pause)
                pause = await self._step(exchange)
        except asyncio.CancelledError:
            exchange.failed(self._given_up(), False)
        except CastellanError as fault:
            exchange.failed(fault, False)

    def _given_up(self) -> CastellanError:
        return closed() if self._closed else fault_of_code("cancelled")

    async def _step(self, exchange: Exchange) -> float | None:
        request = exchange.request()
        call = self._open().call(request)
        metadata = self._place.metadata()
        try:
            remaining = exchange.attempts.remaining()
            # A retry waits for a connection that is being made; the first attempt is told at once that there is none.
            answer = await call(request, timeout=remaining, metadata=metadata, wait_for_ready=exchange.attempts.made > 0)
        except grpc.RpcError as error:
            fault, again = fault_of_call(error)
            fault.__cause__ = error
            return exchange.failed(fault, again)
        return exchange.answered(answer)


class AsyncBoundClient:
    """Questions about one subject."""

    def __init__(self, client: AsyncClient, subject: Subject) -> None:
        check_subject(subject)
        self._client = client
        self.subject = subject

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._client!r}, {self.subject!r})"

    def check(
        self, permission: str, *, resource: Resource | None = None, deadline: float | None = None, min_position: int | None = None
    ) -> Asked[Decision]:
        """As `AsyncClient.check`."""
        about = self.subject
        return self._client.check(
            permission,
            user=about.user, tenant=about.tenant, access_token=about.access_token,
            resource=resource, deadline=deadline, min_position=min_position,
        )

    def can(
        self, permission: str, *, resource: Resource | None = None, deadline: float | None = None, min_position: int | None = None
    ) -> Asked[bool]:
        """As `AsyncClient.can`."""
        about = self.subject
        return self._client.can(
            permission,
            user=about.user, tenant=about.tenant, access_token=about.access_token,
            resource=resource, deadline=deadline, min_position=min_position,
        )

    async def enforce(
        self, permission: str, *, resource: Resource | None = None, deadline: float | None = None, min_position: int | None = None
    ) -> Decision:
        """As `AsyncClient.enforce`."""
        decision = await self.check(permission, resource=resource, deadline=deadline, min_position=min_position)
        if not decision.allowed:
            raise DeniedError(permission, decision)
        return decision

    async def check_all(
        self, wanted: Sequence[str | Wanted], *, deadline: float | None = None, min_position: int | None = None
    ) -> list[Decision]:
        """As `AsyncClient.check_all`."""
        return await self._client.check_all(questions_about(self.subject, wanted), deadline=deadline, min_position=min_position)

    async def list_permissions(self, *, deadline: float | None = None) -> PermissionList:
        """As `AsyncClient.list_permissions`; raises InvalidRequestError for a subject that is a token."""
        about = list_request(self.subject)
        return await self._client.list_permissions(user=about.user, tenant=about.tenant, deadline=deadline)
