"""The client for asyncio, against the real service."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from castellan_service import CastellanService
from conftest import PATIENT_SECONDS

from castellan import AsyncClient, CallerDeniedError, DeniedError, InvalidRequestError, Question, UnauthenticatedError, UnavailableError, Wanted

ANN = {"user": "ann", "tenant": "acme"}


def run(service: CastellanService, journey: Callable[[AsyncClient], Awaitable[None]]) -> None:
    async def walk() -> None:
        async with AsyncClient(service.grpc, key=service.key, deadline=PATIENT_SECONDS) as client:
            await journey(client)

    asyncio.run(walk())


def count_calls(client: AsyncClient) -> list[str]:
    """Names of the requests that are sent from now on; each is still sent."""
    sent: list[str] = []
    step = client._step

    async def counted(exchange: object) -> float | None:
        sent.append(type(exchange.request()).__name__)  # type: ignore[attr-defined]
        return await step(exchange)  # type: ignore[arg-type]

    client._step = counted  # type: ignore[method-assign, assignment]
    return sent


def test_it_answers_as_the_client_for_threads(service: CastellanService, ann_token: str) -> None:
    async def journey(client: AsyncClient) -> None:
        ann = client.bind(**ANN)
        assert (await ann.check("sales.quote.create")).via == ("salesperson",)
        assert await ann.can("finance.payout.create") is False
        assert (await ann.enforce("sales.quote.read")).allowed
        with pytest.raises(DeniedError) as denied:
            await ann.enforce("finance.payout.create")
        assert denied.value.decision.reason == "ROLE_LACKS_PERMISSION"
        wanted = ["sales.quote.read", Wanted("sales.quote.send", {"amount": 12_000, "discountPercent": 0})]
        assert [decision.reason for decision in await ann.check_all(wanted)] == ["ROLE", "CONDITION_FAILED"]
        assert any(held.permission == "sales.quote.create" for held in (await ann.list_permissions()).permissions)
        assert await client.bind(access_token=ann_token).can("sales.quote.create")
        assert len(await client.check_all([Question("sales.quote.read", **ANN)] * 1_001)) == 1_001

    run(service, journey)


def test_checks_of_one_tick_travel_as_one_request_and_keep_their_own_answers(service: CastellanService, ann_token: str) -> None:
    async def journey(client: AsyncClient) -> None:
        sent = count_calls(client)
        asked = [
            client.check("sales.quote.create", **ANN),
            client.check("finance.payout.create", **ANN),
            client.check("sales.quote.send", resource={"amount": 1, "discountPercent": 0}, **ANN),
            client.check("sales.quote.create", user="ann", tenant="north-clinic"),
            client.check("sales.quote.create", access_token=ann_token),
            client.check("x" * 500, **ANN),
        ]
        *decisions, invalid = await asyncio.gather(*asked, return_exceptions=True)
        assert [getattr(decision, "reason", decision) for decision in decisions] == ["ROLE", "ROLE_LACKS_PERMISSION", "ROLE", "ROLE_LACKS_PERMISSION", "ROLE"]
        assert isinstance(invalid, InvalidRequestError)
        assert sent == ["BatchCheckRequest"]
        sent.clear()
        assert await client.can("sales.quote.create", **ANN)
        assert sent == ["CheckRequest"]
        sent.clear()
        # A position is one of a whole request.
        await asyncio.gather(client.can("sales.quote.create", **ANN), client.can("sales.quote.create", min_position=1, **ANN))
        assert sent == ["CheckRequest", "CheckRequest"]

    run(service, journey)


def test_whoever_gives_up_takes_nobody_along(service: CastellanService) -> None:
    async def journey(client: AsyncClient) -> None:
        assert await client.can("sales.quote.create", **ANN)
        service.freeze()
        try:
            stays = asyncio.create_task(client.can("sales.quote.create", **ANN))
            leaves = asyncio.create_task(client.can("sales.quote.create", **ANN))
            late = asyncio.create_task(client.can("sales.quote.create", deadline=0.1, **ANN))
            with pytest.raises(UnavailableError) as over:
                await late
            assert over.value.code == "deadline_exceeded"
            leaves.cancel()
            with pytest.raises(asyncio.CancelledError):
                await leaves
        finally:
            service.thaw()
        assert await stays is True

    run(service, journey)


def test_a_forgotten_await_is_no_allow(service: CastellanService) -> None:
    async def journey(client: AsyncClient) -> None:
        for asked in (client.can("finance.payout.create", **ANN), client.check("finance.payout.create", **ANN)):
            with pytest.raises(TypeError, match="await"):
                assert asked
        assert asyncio.iscoroutine(waiting := client.can("sales.quote.create", **ANN)) and await waiting

    run(service, journey)


def test_closing_ends_what_is_under_way_and_all_that_comes_later(service: CastellanService) -> None:
    async def journey(client: AsyncClient) -> None:
        assert await client.can("sales.quote.create", **ANN)
        service.freeze()
        try:
            waiting = [
                asyncio.create_task(coroutine)
                for coroutine in (
                    client.can("sales.quote.create", **ANN),
                    client.can("sales.quote.create", **ANN),
                    client.check_all([Question("sales.quote.create", **ANN)]),
                    client.list_permissions(**ANN),
                )
            ]
            await asyncio.sleep(0.05)
            await client.close()
            for ended in await asyncio.gather(*waiting, return_exceptions=True):
                assert isinstance(ended, UnavailableError) and ended.code == "closed"
        finally:
            service.thaw()
        with pytest.raises(UnavailableError):
            await client.can("sales.quote.create", **ANN)

    run(service, journey)


def test_closing_ends_also_what_has_not_been_sent_yet(service: CastellanService) -> None:
    async def journey(client: AsyncClient) -> None:
        assert await client.can("sales.quote.create", **ANN)
        coroutines = (client.can("sales.quote.create", **ANN), client.check_all([Question("sales.quote.create", **ANN)]), client.list_permissions(**ANN))
        waiting = [asyncio.create_task(coroutine) for coroutine in coroutines]
        await asyncio.sleep(0)
        await client.close()
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert [getattr(fault, "code", fault) for fault in ended] == ["closed"] * 3

    run(service, journey)


def test_made_outside_of_a_loop_it_serves_one_loop_after_another(service: CastellanService) -> None:
    client = AsyncClient(service.grpc, key=service.key, deadline=PATIENT_SECONDS)

    async def ask() -> bool:
        return await client.can("sales.quote.create", **ANN)

    assert [asyncio.run(ask()), asyncio.run(ask())] == [True, True]
    asyncio.run(client.close())


def test_errors_of_the_key_are_the_applications_own(service: CastellanService) -> None:
    key = service.create_caller(name="python-async", scopes=["decide"], tenants=["north-clinic"])

    async def walk() -> None:
        async with AsyncClient(service.grpc, key="wrong-key", deadline=PATIENT_SECONDS) as stranger:
            with pytest.raises(UnauthenticatedError):
                await stranger.can("sales.quote.create", **ANN)
        async with AsyncClient(service.grpc, key=lambda: key, deadline=PATIENT_SECONDS) as elsewhere:
            with pytest.raises(CallerDeniedError):
                await elsewhere.can("sales.quote.create", **ANN)
            with pytest.raises(InvalidRequestError):
                await elsewhere.can("sales.quote.create", user="ann")

        def broken() -> str:
            raise OSError("no such file")

        async with AsyncClient(service.grpc, key=broken) as keyless:
            with pytest.raises(UnavailableError) as missing:
                await keyless.can("sales.quote.create", **ANN)
            assert missing.value.code == "key_unavailable"

    asyncio.run(walk())
