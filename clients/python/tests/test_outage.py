"""A service that is away, silent, or no service of ours: an error in time, never an allow and never a deny."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent import futures

import grpc
import pytest
from castellan_service import CastellanService
from conftest import PATIENT_SECONDS
from doorway import Doorway
from google.protobuf.struct_pb2 import Struct

from castellan import AsyncClient, CastellanError, Client, Question, UnavailableError
from castellan._proto.castellan.v1 import decision_service_pb2 as pb
from castellan._proto.castellan.v1 import decision_service_pb2_grpc as stubs

ANN = {"user": "ann", "tenant": "acme"}


@pytest.fixture
def doorway(service: CastellanService) -> Iterator[Doorway]:
    opened = Doorway(service.grpc)
    yield opened
    opened.shut()


def test_a_stopped_service_is_unavailable_and_once_it_is_back_the_next_call_works(service: CastellanService, doorway: Doorway) -> None:
    with Client(doorway.address, key=service.key, deadline=PATIENT_SECONDS) as client:
        assert client.can("sales.quote.create", **ANN)
        doorway.shut()
        for ask in (
            lambda: client.can("sales.quote.create", deadline=0.5, **ANN),
            lambda: client.check_all([Question("sales.quote.create", **ANN)] * 3, deadline=0.5),
            lambda: client.list_permissions(deadline=0.5, **ANN),
        ):
            with pytest.raises(UnavailableError) as away:
                ask()
            assert away.value.code in ("unreachable", "deadline_exceeded")
        doorway.open()
        assert client.can("sales.quote.create", **ANN)


def test_the_same_for_asyncio(service: CastellanService, doorway: Doorway) -> None:
    async def journey() -> None:
        async with AsyncClient(doorway.address, key=service.key, deadline=PATIENT_SECONDS) as client:
            assert await client.can("sales.quote.create", **ANN)
            doorway.shut()
            asked = [client.can("sales.quote.create", deadline=0.5, **ANN) for _ in range(3)]
            away = await asyncio.gather(*asked, return_exceptions=True)
            assert [type(fault) for fault in away] == [UnavailableError] * 3
            with pytest.raises(UnavailableError):
                await client.list_permissions(deadline=0.5, **ANN)
            doorway.open()
            assert await client.can("sales.quote.create", **ANN)

    asyncio.run(journey())


def test_a_silent_service_is_waited_for_until_the_deadline_and_no_longer(service: CastellanService) -> None:
    with Client(service.grpc, key=service.key, deadline=PATIENT_SECONDS) as client:
        assert client.can("sales.quote.create", **ANN)
        service.freeze()
        try:
            began = time.monotonic()
            with pytest.raises(UnavailableError) as silent:
                client.can("sales.quote.create", deadline=0.2, **ANN)
            # Far below what gRPC would wait for by itself, and far above what a busy machine is late.
            assert time.monotonic() - began < 15
            assert silent.value.code == "deadline_exceeded"
        finally:
            service.thaw()
        assert client.can("sales.quote.create", **ANN)


class Impostor(stubs.DecisionServiceServicer):
    """Answers as it is told, and counts."""

    def __init__(self) -> None:
        self.asked: list[object] = []
        self.answer: Callable[[object, grpc.ServicerContext], object] = lambda request, context: None

    def _take(self, request: object, context: grpc.ServicerContext) -> object:
        self.asked.append(request)
        return self.answer(request, context)

    Check = BatchCheck = ListPermissions = _take


@pytest.fixture(scope="module")
def stage() -> Iterator[tuple[Impostor, str]]:
    server = grpc.server(futures.ThreadPoolExecutor(4))
    impostor = Impostor()
    stubs.add_DecisionServiceServicer_to_server(impostor, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield impostor, f"127.0.0.1:{port}"
    server.stop(None).wait()


def refuse(code: grpc.StatusCode) -> Callable[[object, grpc.ServicerContext], object]:
    return lambda request, context: context.abort(code, "words of a server \x1b[31m")


GOOD = pb.CheckResponse(allowed=True, reason="ROLE", decision_id="d", policy_revision="p", position=1)


@pytest.mark.parametrize(
    "answer",
    [
        pb.CheckResponse(),
        pb.CheckResponse(allowed=True),
        pb.CheckResponse(allowed=True, reason="ROLE"),
        pb.CheckResponse(allowed=True, decision_id="d"),
        pb.CheckResponse(reason="", decision_id="d"),
    ],
)
def test_an_answer_without_reason_or_id_is_neither_allow_nor_deny(stage: tuple[Impostor, str], answer: pb.CheckResponse) -> None:
    impostor, target = stage
    with Client(target, key="k", deadline=PATIENT_SECONDS) as client:
        impostor.answer = lambda request, context: answer
        with pytest.raises(UnavailableError) as bad:
            client.can("a.b", **ANN)
        assert bad.value.code == "bad_answer"
        impostor.answer = lambda request, context: pb.BatchCheckResponse(
            items=[pb.BatchCheckResult(decision=GOOD), pb.BatchCheckResult(decision=answer)]
        )
        with pytest.raises(UnavailableError):
            client.check_all([Question("a.b", **ANN), Question("a.c", **ANN)])


@pytest.mark.parametrize(
    "items",
    [
        [],
        [pb.BatchCheckResult(decision=GOOD)],
        [pb.BatchCheckResult(decision=GOOD)] * 3,
        [pb.BatchCheckResult(decision=GOOD), pb.BatchCheckResult()],
        [pb.BatchCheckResult(decision=GOOD), pb.BatchCheckResult(error=pb.ErrorBody(code="new_code"))],
    ],
)
def test_a_batch_that_does_not_answer_each_question_answers_none(stage: tuple[Impostor, str], items: list[pb.BatchCheckResult]) -> None:
    impostor, target = stage
    impostor.answer = lambda request, context: pb.BatchCheckResponse(items=items)
    with Client(target, key="k", deadline=PATIENT_SECONDS) as client, pytest.raises(UnavailableError):
        client.check_all([Question("a.b", **ANN), Question("a.c", **ANN)])


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_only_unavailable_is_tried_again_and_no_status_is_a_decision(stage: tuple[Impostor, str], code: grpc.StatusCode) -> None:
    impostor, target = stage
    impostor.answer = refuse(code)
    with Client(target, key="k", deadline=PATIENT_SECONDS, retries=2) as client:
        for ask in (lambda: client.can("a.b", **ANN), lambda: client.list_permissions(**ANN)):
            impostor.asked.clear()
            with pytest.raises(CastellanError) as refused:
                ask()
            assert len(impostor.asked) == (3 if code is grpc.StatusCode.UNAVAILABLE else 1)
            # Texts of whoever answered are for those who look for the cause.
            assert "words of a server" not in str(refused.value)
            assert isinstance(refused.value.__cause__, grpc.RpcError)


def test_of_a_batch_only_what_was_not_decided_is_sent_again(stage: tuple[Impostor, str]) -> None:
    impostor, target = stage
    impostor.asked.clear()
    later = pb.BatchCheckResult(error=pb.ErrorBody(code="store_unavailable"))
    wrong = pb.BatchCheckResult(error=pb.ErrorBody(code="permission_denied"))

    def answer(request: object, context: grpc.ServicerContext) -> object:
        if isinstance(request, pb.CheckRequest):
            return GOOD
        return pb.BatchCheckResponse(items=[pb.BatchCheckResult(decision=GOOD), later, pb.BatchCheckResult(decision=GOOD)])

    impostor.answer = answer
    with Client(target, key="k", deadline=PATIENT_SECONDS) as client:
        questions = [Question(name, **ANN, resource={"n": 1}) for name in ("a.a", "a.b", "a.c")]
        assert all(client.check_all(questions))
        resource = Struct()
        resource["n"] = 1
        assert impostor.asked[1:] == [pb.CheckRequest(permission="a.b", resource=resource, **ANN)]
        impostor.asked.clear()
        impostor.answer = lambda request, context: pb.BatchCheckResponse(items=[wrong, wrong, wrong])
        with pytest.raises(CastellanError) as denied:
            client.check_all(questions)
        assert denied.value.code == "permission_denied" and len(impostor.asked) == 1
