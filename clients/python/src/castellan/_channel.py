"""Where a client asks and by what it is known there, and the channel of gRPC for it. Opens nothing before it is told to."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import grpc
import grpc.aio

from . import _limits
from .errors import UnauthenticatedError, UnavailableError

Key = str | Callable[[], str]
"""Of a caller with the scope `decide`. A callable is asked before each request: it may read a file that is replaced.
No deadline ends it, and it holds up an event loop: whatever waits (a network, a vault) belongs into a task that keeps the key at hand."""

_FORMS = "dns:///host:port, host:port, ipv4:address:port, ipv6:[address]:port or unix:/path"
_HOST_AND_PORT = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\s:/\[\]@?#]+):(\d{1,5})")
_SERVICE_CONFIG = json.dumps(
    {
        "loadBalancingConfig": [{"round_robin": {}}],
        # A replica that is starting, draining or without its store is passed over.
        "healthCheckConfig": {"serviceName": "castellan.v1.DecisionService"},
    }
)


@dataclass(frozen=True, slots=True)
class Tls:
    """`ca`: authorities to trust in place of the system's; `cert` and `key`: to show to the service. All PEM."""

    ca: bytes | None = None
    cert: bytes | None = None
    key: bytes | None = field(default=None, repr=False)


class Place:
    """A checked target with its credentials. In no text of it is the key."""

    def __init__(self, target: str, key: Key, tls: bool | Tls, insecure: bool) -> None:
        self._target, self._local = _checked_target(target)
        self._tls = Tls() if tls is True else tls or None
        if self._tls is not None and not isinstance(self._tls, Tls):
            raise TypeError("tls must be True, False or Tls(ca, cert, key)")
        if self._tls is not None and (self._tls.cert is None) != (self._tls.key is None):
            raise ValueError("tls: cert and key go together")
        if self._tls is None and not self._local and insecure is not True:
            raise ValueError(
                "target is not on this machine, and the key would cross the network in the clear: set tls=True, "
                "or say insecure=True where the network itself is encrypted"
            )
        if isinstance(key, str):
            fault = _fault_of_key(key)
            if fault is not None:
                raise ValueError(f"key {fault}")
        elif not callable(key):
            raise TypeError("key is required: the one that `castellan caller create` shows, or a callable that answers it")
        self._key = key

    def __repr__(self) -> str:
        return f"{self._target!r}, tls={self._tls is not None}"

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Of the next request; raises CastellanError when there is no key."""
        if isinstance(self._key, str):
            return (("authorization", f"Bearer {self._key}"),)
        try:
            key: object = self._key()
        except Exception as fault:
            raise UnavailableError("The callable key failed; nothing was decided.", code="key_unavailable") from fault
        wrong = _fault_of_key(key) if isinstance(key, str) else "must be a text"
        if wrong is not None:
            raise UnauthenticatedError(f"The callable key answered a key that {wrong}.", code="unauthenticated")
        return (("authorization", f"Bearer {key}"),)

    def open(self) -> grpc.Channel:
        """For threads."""
        if self._tls is None:
            return grpc.insecure_channel(self._target, options=self._options())
        return grpc.secure_channel(self._target, self._credentials(self._tls), options=self._options())

    def open_aio(self) -> grpc.aio.Channel:
        """For the running loop."""
        if self._tls is None:
            return grpc.aio.insecure_channel(self._target, options=self._options())
        return grpc.aio.secure_channel(self._target, self._credentials(self._tls), options=self._options())

    @staticmethod
    def _credentials(tls: Tls) -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(root_certificates=tls.ca, private_key=tls.key, certificate_chain=tls.cert)

    def _options(self) -> Sequence[tuple[str, str | int]]:
        return [
            ("grpc.service_config", _SERVICE_CONFIG),
            # A TXT record of a name server has no say in how this client balances.
            ("grpc.service_config_disable_resolution", 1),
            # What is retried, and how often, is this client's own rule.
            ("grpc.enable_retries", 0),
            # No environment sends what stays on this machine, in the clear, over a proxy.
            ("grpc.enable_http_proxy", 0 if self._local else 1),
            ("grpc.initial_reconnect_backoff_ms", _limits.RECONNECT_FIRST_MS),
            ("grpc.max_reconnect_backoff_ms", _limits.RECONNECT_MAX_MS),
            ("grpc.min_reconnect_backoff_ms", _limits.CONNECT_MS),
            ("grpc.dns_min_time_between_resolutions_ms", _limits.RESOLVE_AGAIN_MS),
            ("grpc.keepalive_time_ms", _limits.KEEPALIVE_MS),
            ("grpc.keepalive_timeout_ms", _limits.KEEPALIVE_ANSWER_MS),
            ("grpc.max_send_message_length", 2 * _limits.REQUEST_BYTES_MAX),
            ("grpc.max_receive_message_length", _limits.RESPONSE_BYTES_MAX),
            # Another client's lost connection is not waited out by this one.
            ("grpc.use_local_subchannel_pool", 1),
        ]


def _checked_target(target: object) -> tuple[str, bool]:
    """As gRPC reads it, and whether all of it is on this machine."""
    if not isinstance(target, str) or target == "":
        raise ValueError(f"target is required: {_FORMS}")
    if re.match(r"https?:", target, re.IGNORECASE):
        raise ValueError(f"target must be {_FORMS}: the port of gRPC, not an address of HTTP")
    if re.match(r"unix(-abstract)?:", target):
        return target, True
    listed = re.match(r"ipv[46]:", target)
    named = re.match(r"dns:(//[^/]*/)?", target)
    rest = target[listed.end() :] if listed else target[named.end() :] if named else target
    hosts = []
    for address in rest.split(",") if listed else [rest]:
        match = _HOST_AND_PORT.fullmatch(address)
        if match is None or not 1 <= int(match[2]) <= 65_535:
            raise ValueError(f"target must be {_FORMS}, each with its port")
        hosts.append(match[1])
    # Whose name server is asked for localhost is not known to lead here.
    foreign = named is not None and named[1] not in (None, "///")
    return target if listed or named else f"dns:///{target}", not foreign and all(_is_loopback(host) for host in hosts)


def _is_loopback(host: str) -> bool:
    bare = host.strip("[]").lower()
    if bare == "localhost":
        return True
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False


def _fault_of_key(key: str) -> str | None:
    if key == "":
        return "must not be empty"
    if len(key) > _limits.KEY_CHARACTERS_MAX:
        return "is too long for a key"
    if key != key.strip():
        return "begins or ends with white space: strip what was read from a file"
    return None if re.fullmatch(r"[\x21-\x7e]+", key) else "must be of visible ASCII characters without spaces"


def checked_pace(deadline: object, retries: object) -> tuple[float, int]:
    """Deadline in seconds and number of retries. Raises ValueError."""
    if type(retries) is not int or not 0 <= retries <= _limits.RETRIES_MAX:
        raise ValueError(f"retries must be a whole number from 0 to {_limits.RETRIES_MAX}")
    return checked_deadline(deadline), retries


def checked_deadline(deadline: object) -> float:
    """Seconds. Raises ValueError."""
    if isinstance(deadline, bool) or not isinstance(deadline, (int, float)) or not 0 < deadline <= _limits.DEADLINE_SECONDS_MAX:
        raise ValueError(f"deadline must be in seconds, above 0 and at most {_limits.DEADLINE_SECONDS_MAX:g}")
    return float(deadline)
