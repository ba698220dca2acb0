"""One service for all tests of a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from castellan_service import CastellanService

from castellan import Client

# Of tests that are about something else: a loaded machine must not fail them.
PATIENT_SECONDS = 30.0


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CastellanService]:
    started = CastellanService(Path(tmp_path_factory.mktemp("castellan")))
    yield started
    started.stop()


@pytest.fixture(scope="session")
def ann_token(service: CastellanService) -> str:
    return service.log_in("ann@example.org", "acme")


@pytest.fixture
def client(service: CastellanService) -> Iterator[Client]:
    with Client(service.grpc, key=service.key, deadline=PATIENT_SECONDS) as opened:
        yield opened
