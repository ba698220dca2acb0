"""Guards of a FastAPI application, against the real service."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Annotated, Any

import httpx2 as httpx
import pytest
from castellan_service import CastellanService
from conftest import PATIENT_SECONDS
from fastapi import APIRouter, Depends, FastAPI, HTTPException, WebSocket
from fastapi.responses import PlainTextResponse
from fastapi.staticfiles import StaticFiles
from fastapi.testclient import TestClient
from starlette.requests import HTTPConnection
from starlette.routing import Mount, Route
from starlette.websockets import WebSocketDisconnect

from castellan import AsyncBoundClient, AsyncClient, CastellanError, Client, Subject, UnauthenticatedError
from castellan.fastapi import Access, Guard, bearer, public, unguarded

QUOTES: dict[str, dict[str, Any]] = {"small": {"amount": 100, "discountPercent": 0}, "large": {"amount": 12_000, "discountPercent": 0}}
loaded: list[str] = []


def load_quote(quote: str) -> dict[str, Any]:
    loaded.append(quote)
    if quote not in QUOTES:
        raise HTTPException(404)
    return QUOTES[quote]


async def load_quote_later(quote: str) -> dict[str, Any]:
    return load_quote(quote)


def by_header(connection: HTTPConnection) -> Subject | None:
    name = connection.headers.get("x-user")
    return None if name is None else Subject(user=name, tenant="acme")


def build(client: Client | AsyncClient, told: list[CastellanError] | None = None, **options: Any) -> FastAPI:
    app = FastAPI()
    guard = Guard(client, **options)
    guard.install(app, tell_hints=True, on_error=(told if told is not None else []).append)

    @app.get("/quotes")
    async def quotes(access: Annotated[Access[AsyncBoundClient], Depends(guard.require("sales.quote.read"))]) -> dict[str, Any]:
        (decision,) = access.decisions
        more = access.client.can("sales.quote.create")
        return {"reason": decision.reason, "more": more if isinstance(more, bool) else await more}

    @app.get("/payouts", dependencies=[Depends(guard.require("finance.payout.create"))])
    def payouts() -> str:
        return "money"

    @app.post("/quotes/{quote}/send", dependencies=[Depends(guard.require("sales.quote.send", resource=load_quote))])
    def send(quote: Annotated[dict[str, Any], Depends(load_quote)]) -> Any:
        return quote["amount"]

    @app.post("/quotes/{quote}/send-later", dependencies=[Depends(guard.require("sales.quote.send", resource=load_quote_later))])
    def send_later() -> str:
        return "sent"

    @app.get("/any", dependencies=[Depends(guard.require_any("finance.payout.create", "sales.quote.read"))])
    def either() -> str:
        return "either"

    @app.get("/all", dependencies=[Depends(guard.require_all("sales.quote.read", "finance.payout.create"))])
    def each() -> str:
        return "each"

    @app.get("/health", dependencies=[Depends(guard.public("Probes carry no token"))])
    def health() -> str:
        return "well"

    @app.websocket("/live", dependencies=[Depends(guard.require("finance.payout.create"))])
    async def live(socket: WebSocket) -> None:
        await socket.accept()

    return app


@pytest.fixture(params=["threads", "asyncio"])
def kind(request: pytest.FixtureRequest) -> Iterator[type[Client] | type[AsyncClient]]:
    yield {"threads": Client, "asyncio": AsyncClient}[request.param]


def visit(
    service: CastellanService, kind: type[Client] | type[AsyncClient], journey: Callable[[httpx.AsyncClient], Awaitable[None]], **options: Any
) -> list[CastellanError]:
    told: list[CastellanError] = []

    async def walk() -> None:
        client = kind(options.pop("target", service.grpc), key=options.pop("key", service.key), deadline=options.pop("patience", PATIENT_SECONDS))
        transport = httpx.ASGITransport(build(client, told, **options))
        try:
            async with httpx.AsyncClient(transport=transport, base_url="http://app") as caller:
                await journey(caller)
        finally:
            closing = client.close()
            if closing is not None:
                await closing

    asyncio.run(walk())
    return told


def test_routes_run_for_whom_the_service_allows(service: CastellanService, kind: type[Client], ann_token: str) -> None:
    async def journey(caller: httpx.AsyncClient) -> None:
        caller.headers["authorization"] = f"Bearer {ann_token}"
        assert (await caller.get("/quotes")).json() == {"reason": "ROLE", "more": True}
        assert (await caller.get("/any")).text == '"either"'
        assert (await caller.get("/health", headers={"authorization": ""})).status_code == 200
        for path in ("/payouts", "/all"):
            denied = await caller.get(path)
            assert denied.status_code == 403 and denied.headers["content-type"] == "application/problem+json"
            body = denied.json()
            assert (body["code"], body["status"], body["reason"]) == ("denied", 403, "ROLE_LACKS_PERMISSION")
            assert body["decisionId"] and body["type"] == "urn:castellan:problem:denied"

    assert visit(service, kind, journey) == []


def test_the_resource_of_a_request_is_loaded_once_and_only_for_who_is_known(service: CastellanService, kind: type[Client], ann_token: str) -> None:
    async def journey(caller: httpx.AsyncClient) -> None:
        loaded.clear()
        assert (await caller.post("/quotes/small/send")).status_code == 401
        assert loaded == []
        caller.headers["authorization"] = f"Bearer {ann_token}"
        assert (await caller.post("/quotes/small/send")).json() == 100
        assert loaded == ["small"]
        large = await caller.post("/quotes/large/send-later")
        assert (large.status_code, large.json()["reason"]) == (403, "CONDITION_FAILED")
        assert large.json()["hint"]
        assert (await caller.post("/quotes/none/send")).status_code == 404

    visit(service, kind, journey)


def test_nobody_and_a_token_that_is_no_good_are_401_with_a_challenge(service: CastellanService, ann_token: str) -> None:
    async def journey(caller: httpx.AsyncClient) -> None:
        cases = [
            ([], "credentials_missing", "Bearer"),
            ([("authorization", "Basic YTpi")], "credentials_missing", "Bearer"),
            ([("authorization", "Bearer")], "token_invalid", 'Bearer error="invalid_token"'),
            ([("authorization", "Bearer not.a.token")], "token_invalid", 'Bearer error="invalid_token"'),
            ([("authorization", f"Bearer {ann_token}"), ("authorization", "Bearer x")], "token_invalid", 'Bearer error="invalid_token"'),
        ]
        for headers, code, challenge in cases:
            answer = await caller.get("/quotes", headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, code)
            assert answer.headers["www-authenticate"].startswith(challenge)

    assert visit(service, AsyncClient, journey) == []


def test_what_could_not_be_decided_is_503_and_never_403(service: CastellanService, kind: type[Client], ann_token: str) -> None:
    async def journey(caller: httpx.AsyncClient) -> None:
        for path in ("/quotes", "/any"):
            answer = await caller.get(path, headers={"authorization": f"Bearer {ann_token}"})
            assert answer.status_code == 503 and int(answer.headers["retry-after"]) >= 1
            assert answer.json()["code"] == "unavailable" and "reason" not in answer.json()

    # Nobody listens on the port of discard.
    told = visit(service, kind, journey, target="127.0.0.1:9", patience=0.3)
    assert [fault.code for fault in told] == [told[0].code] * 2


def test_mistakes_of_the_application_are_its_own_and_tell_the_caller_nothing(service: CastellanService) -> None:
    async def journey(caller: httpx.AsyncClient) -> None:
        answer = await caller.get("/quotes", headers={"x-user": "ann"})
        assert (answer.status_code, answer.json()["code"]) == (500, "internal")

    (told,) = visit(service, AsyncClient, journey, key="wrong-key", subject=by_header)
    assert isinstance(told, UnauthenticatedError)

    async def strange(caller: httpx.AsyncClient) -> None:
        assert (await caller.get("/quotes")).status_code == 500

    (told,) = visit(service, AsyncClient, strange, subject=lambda: {"user": "ann"})
    assert told.code == "subject_unusable"


def test_a_subject_of_the_applications_own_is_asked_about_and_none_is_nobody(service: CastellanService) -> None:
    async def journey(caller: httpx.AsyncClient) -> None:
        assert (await caller.get("/quotes", headers={"x-user": "ann"})).status_code == 200
        assert (await caller.get("/quotes", headers={"x-user": "bob"})).status_code == 403
        assert (await caller.get("/quotes")).status_code == 401
        assert (await caller.get("/quotes", headers={"x-user": "x" * 257})).status_code == 400

    visit(service, AsyncClient, journey, subject=by_header)


def test_a_web_socket_is_refused_before_it_is_open(service: CastellanService, ann_token: str) -> None:
    with Client(service.grpc, key=service.key, deadline=PATIENT_SECONDS) as client, TestClient(build(client)) as caller:
        for headers in ({}, {"authorization": f"Bearer {ann_token}"}):
            with pytest.raises(WebSocketDisconnect) as closed, caller.websocket_connect("/live", headers=headers):
                pass
            assert closed.value.code == 1008


def test_the_documentation_names_the_scheme(service: CastellanService) -> None:
    with Client(service.grpc, key=service.key) as client:
        described = build(client).openapi()
    assert described["components"]["securitySchemes"] == {"bearer": {"type": "http", "scheme": "bearer"}}
    assert described["paths"]["/quotes"]["get"]["security"] == [{"bearer": []}]


def test_a_requirement_that_says_nothing_is_refused_when_the_application_is_built() -> None:
    with Client("localhost:9090", key="k") as client:
        guard = Guard(client, subject=bearer())
        for build_it in (guard.require_all, guard.require_any, lambda: guard.require(""), lambda: guard.require(None), lambda: public(""), lambda: public("internal")):  # type: ignore[arg-type]
            with pytest.raises(TypeError):
                build_it()
        with pytest.raises(TypeError):
            Guard("client")  # type: ignore[arg-type]


DOCUMENTATION = {path: "The API of this service is public" for path in ("/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc")}


def test_unguarded_names_each_route_that_nobody_guarded(tmp_path: Any) -> None:
    with Client("localhost:9090", key="k") as client:
        guard = Guard(client)
        app = build(client)
        assert unguarded(app, public=DOCUMENTATION) == []
        assert unguarded(app) == [f"GET,HEAD {path}" for path in sorted(DOCUMENTATION)]

        guarded, open_router, inner, mounted = APIRouter(dependencies=[Depends(guard.require("a.b"))]), APIRouter(), APIRouter(), FastAPI(openapi_url=None)
        for router in (guarded, open_router, inner, mounted):
            router.add_api_route("/thing", lambda: 1, methods=["GET"])
        open_router.add_api_websocket_route("/live", lambda: None)
        # An inner router has the dependencies of the one that includes it, a mounted application has not.
        guarded.include_router(inner, prefix="/inner")
        app.include_router(guarded, prefix="/guarded")
        app.include_router(open_router, prefix="/open")
        app.include_router(inner, prefix="/given", dependencies=[Depends(guard.require("a.b"))])
        app.mount("/mounted", mounted)
        app.mount("/files", StaticFiles(directory=tmp_path))
        app.router.routes.append(Mount("/plain", routes=[Route("/page", PlainTextResponse("x"))]))
        expected = ["GET /mounted/thing", "GET /open/thing", "ANY /plain/page", "MOUNT /files", "WEBSOCKET /open/live"]
        assert unguarded(app, public=DOCUMENTATION) == sorted(expected)
        assert unguarded(app, public={**DOCUMENTATION, "/old": "It is gone by now"})[-1] == "NO ROUTE /old"

        shared = FastAPI(openapi_url=None)
        shared.add_api_route("/thing", lambda: 1, methods=["GET"])
        assert unguarded(shared, public={"/thing": "All may read it"}) == []
        shared.add_api_route("/thing", lambda: 1, methods=["DELETE"])
        # What excused one of them does not excuse the other, which came later.
        assert unguarded(shared, public={"/thing": "All may read it"}) == ["DELETE /thing", "GET /thing", "NO ROUTE /thing"]
        assert unguarded(shared, public={"GET /thing": "All may read it"}) == ["DELETE /thing"]
        shared.add_api_route("/both", lambda: 1, methods=["GET", "POST"])
        assert "GET,POST /both" in unguarded(shared, public={"/both": "Anybody may read it"})
        assert "GET,POST /both" in unguarded(shared, public={"GET /both": "Anybody may read it"})
        assert unguarded(shared, public=dict.fromkeys(["GET /thing", "DELETE /thing", "GET /both", "POST /both"], "Anybody may read it")) == []
        assert unguarded(shared, public=dict.fromkeys(["GET /thing", "DELETE /thing", "GET,POST /both"], "Anybody may read it")) == []

        whole = FastAPI(openapi_url=None, dependencies=[Depends(guard.require("a.b"))])
        whole.add_api_route("/thing", lambda: 1)
        assert unguarded(whole) == []
