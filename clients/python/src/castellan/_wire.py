"""Requests of the plan on stubs of gRPC, typed. One for threads, one for a loop."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

import grpc
import grpc.aio

from ._exchange import Request, Response
from ._proto.castellan.v1 import decision_service_pb2 as pb
from ._proto.castellan.v1 import decision_service_pb2_grpc as stubs

Metadata = tuple[tuple[str, str], ...]


class _Call(Protocol):
    def __call__(self, request: Request, *, timeout: float, metadata: Metadata, wait_for_ready: bool) -> Response: ...


class _AioCall(Protocol):
    def __call__(self, request: Request, *, timeout: float, metadata: Metadata, wait_for_ready: bool) -> Awaitable[Response]: ...


class Wire:
    """The calls of one channel."""

    def __init__(self, channel: grpc.Channel) -> None:
        stub = stubs.DecisionServiceStub(channel)  # type: ignore[no-untyped-call]
        self.channel = channel
        self._calls: dict[type, _Call] = {
            pb.CheckRequest: stub.Check,
            pb.BatchCheckRequest: stub.BatchCheck,
            pb.ListPermissionsRequest: stub.ListPermissions,
        }

    def call(self, request: Request) -> _Call:
        return self._calls[type(request)]


class AioWire:
    """The calls of one channel in the loop that it was opened in."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        stub = stubs.DecisionServiceStub(channel)  # type: ignore[no-untyped-call]
        self.channel = channel
        self._calls: dict[type, _AioCall] = {
            pb.CheckRequest: stub.Check,
            pb.BatchCheckRequest: stub.BatchCheck,
            pb.ListPermissionsRequest: stub.ListPermissions,
        }

    def call(self, request: Request) -> _AioCall:
        return self._calls[type(request)]
