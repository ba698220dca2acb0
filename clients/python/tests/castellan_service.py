"""A real service of its own: the built command `castellan dev` in a folder that is thrown away."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

ENTRY = Path(__file__).resolve().parents[3] / "dist" / "src" / "main" / "cli.js"
START_SECONDS_MAX = 240
_PORTS = ("HTTP", "GRPC", "IDENTITY", "METRICS")


class CastellanService:
    """Started; may be stopped and started anew at the same addresses, with its data."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = dict.fromkeys(_PORTS, "0")
        self._process: subprocess.Popen[str] | None = None
        self.http = self.grpc = self.identity = self.key = ""
        self.start()

    def start(self) -> None:
        if not ENTRY.exists():
            raise RuntimeError("dist/ is missing: run `npm run build` first")
        kept = {name: value for name, value in os.environ.items() if not re.match(r"CASTELLAN_|NODE_ENV$|NODE_OPTIONS$|JEST_|npm_", name)}
        ports = {f"CASTELLAN_{name}_PORT": port for name, port in self._ports.items()}
        self._process = subprocess.Popen(
            ["node", str(ENTRY), "dev"],
            cwd=self._folder,
            env={**kept, **ports, "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        out = self._read_banner(self._process)

        def named(name: str) -> str:
            found = re.search(rf"^  {name} +(\S+)", out, re.MULTILINE)
            assert found is not None, out
            return found[1]

        self.http, self.grpc, self.identity, self.key = named("HTTP"), named("gRPC"), named("identity"), named("key")
        places = dict(zip(_PORTS, (self.http, self.grpc, self.identity, named("probes")), strict=True))
        self._ports = {name: place.rsplit(":", 1)[1] for name, place in places.items()}

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        # The reader ends with the process.
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """As its administrator."""
        return _request(method, f"{self.http}{path}", body, {"authorization": f"Bearer {self.key}"})[0]

    def create_caller(self, **body: object) -> str:
        """The key of a new caller."""
        return str(self.ask("POST", "/v1/callers", body)["key"])

    def log_in(self, email: str, tenant: str) -> str:
        """An access token, by the code of the mail."""
        body = {"email": email, "clientId": "demo", "tenant": tenant}
        started, headers = _request("POST", f"{self.identity}/v1/login/start", body, {})
        cookie = "; ".join(each.split(";", 1)[0] for each in headers.get_all("set-cookie") or [])
        ends_at = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < ends_at:
            with urllib.request.urlopen(f"{self.identity}/dev/mailbox?format=json") as answer:
                codes = re.findall(r"\\n(\d{6})\\n", answer.read().decode())
            for code in codes:
                try:
                    proof = {"challengeId": started["challengeId"], "code": code}
                    return str(_request("POST", f"{self.identity}/v1/login/verify", proof, {"cookie": cookie})[0]["accessToken"])
                except urllib.error.HTTPError as refused:
                    refused.close()
            time.sleep(0.05)
        raise TimeoutError("no mail with a code")

    def _read_banner(self, process: subprocess.Popen[str]) -> str:
        lines: list[str] = []
        ready = threading.Event()

        def read() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line)
                if "castellan --help" in line:
                    ready.set()
            ready.set()

        self._reader = threading.Thread(target=read, daemon=True)
        self._reader.start()
        assert ready.wait(START_SECONDS_MAX), "the service did not start in time"
        assert process.poll() is None, "".join(lines)
        return "".join(lines)


def _request(method: str, url: str, body: object, headers: dict[str, str]) -> tuple[Any, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json", **headers}, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read()), answer.headers
