"""A door before a service: shut, it is as if the service had been stopped; open, it is back at the same address."""

from __future__ import annotations

import contextlib
import socket
import threading


class Doorway:
    """Passes bytes on. Real sockets, so that who is behind it is met as a network would show it."""

    def __init__(self, address: str) -> None:
        host, port = address.rsplit(":", 1)
        self._behind = (host, int(port))
        self._port = 0
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._is_open = False
        self.open()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    def open(self) -> None:
        listener = socket.create_server(("127.0.0.1", self._port))
        self._port = listener.getsockname()[1]
        self._is_open = True
        self._keep(listener)
        self._run(self._listen, listener)

    def shut(self) -> None:
        with self._lock:
            self._is_open = False
            sockets, self._sockets = self._sockets, set()
        for each in sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        # Those may start others until the listening one ends.
        while self._threads:
            self._threads.pop(0).join()

    def _listen(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(self._behind)
                if not self._keep(near, far):
                    return
                self._run(self._pass, near, far)
                self._run(self._pass, far, near)

    @staticmethod
    def _pass(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                sink.sendall(data)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _keep(self, *sockets: socket.socket) -> bool:
        """Whoever comes while it is being shut does not get through."""
        with self._lock:
            if self._is_open:
                self._sockets.update(sockets)
                return True
        for each in sockets:
            each.close()
        return False

    def _run(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()
