"""Checks of one tick of the loop → one request; each waits for its own answer only. Sends nothing itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from ._exchange import Checks
from ._proto.castellan.v1 import decision_service_pb2 as pb
from ._requests import chunks_of
from .decisions import Decision
from .errors import CastellanError

Done = Callable[[Checks], None]
Send = Callable[[Sequence[pb.BatchCheckItem], int | None, float, Done], Callable[[], None]]
"""Items, their `min_position`, the longest of their deadlines in seconds; answers what gives the request up."""


class Merging:
    """What is asked in one tick."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._gathered: dict[int | None, list[tuple[pb.BatchCheckItem, float, asyncio.Future[Decision]]]] = {}

    def add(self, item: pb.BatchCheckItem, min_position: int | None, seconds: float) -> asyncio.Future[Decision]:
        """Of its answer; whoever does not want it any more cancels it."""
        loop = asyncio.get_running_loop()
        if not self._gathered:
            loop.call_soon(self._flush)
        answer: asyncio.Future[Decision] = loop.create_future()
        # A position is one of the whole request, so only questions with the same one travel together.
        self._gathered.setdefault(min_position, []).append((item, seconds, answer))
        return answer

    def _flush(self) -> None:
        gathered, self._gathered = self._gathered, {}
        for min_position, asked in gathered.items():
            wanted = [one for one in asked if not one[2].done()]
            begin = 0
            for chunk in chunks_of([item for item, _, _ in wanted]):
                part = wanted[begin : begin + len(chunk)]
                begin += len(chunk)
                self._send_part(chunk, min_position, part)

    def _send_part(
        self, items: Sequence[pb.BatchCheckItem], min_position: int | None, part: Sequence[tuple[pb.BatchCheckItem, float, asyncio.Future[Decision]]]
    ) -> None:
        answers = [answer for _, _, answer in part]

        def done(checks: Checks) -> None:
            for answer, result in zip(answers, checks.results(), strict=True):
                if answer.done():
                    continue
                if isinstance(result, CastellanError):
                    answer.set_exception(result)
                else:
                    answer.set_result(result)

        give_up = self._send(items, min_position, max(seconds for _, seconds, _ in part), done)
        left = len(answers)

        def one_less(_: asyncio.Future[Decision]) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                give_up()

        for answer in answers:
            answer.add_done_callback(one_less)
