"""Which routes of an application nobody guarded, for a test of the application. Runs none of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fastapi import routing
from starlette.routing import BaseRoute, Host, Mount, WebSocketRoute

from ._requirement import public_because, requirement_at


def unguarded(app: Any, *, public: Mapping[str, str] | None = None) -> list[str]:
    """`["GET /invoices", …]` without `require…` or `public(…)` among their own dependencies, those of their routers and of the application.

    Web sockets are told as `WEBSOCKET /path`. Looks into mounted FastAPI and Starlette applications, which take no dependencies from
    where they are mounted. Whatever it cannot look into (other applications, static files, plain functions of Starlette, FastAPI's own
    pages of documentation) is told too, unless `public` says why nobody has to be allowed there: by method and path, as they are told, or
    by the path alone where one route has it, with one method. An entry of `public` that fits no such route is told as `NO ROUTE …`. Middleware is not looked at, and neither are static pages by `app.frontend(…)`.
    """
    because = dict(public or {})
    for why in because.values():
        public_because(why)
    routes = list(_walk(app.routes, ""))
    at = Counter(path for _, path in routes)
    found = []
    met: set[str] = set()
    for kind, path in routes:
        methods = _methods(kind)
        names = [[f"{kind} {path}"], [f"{method} {path}" for method in methods]]
        if at[path] == 1 and len(methods) == 1:
            names.append([path])
        excuse = next((each for each in names if because.keys() >= set(each)), None)
        if excuse is None:
            found.append(f"{kind} {path}")
        else:
            met.update(excuse)
    return sorted(found) + [f"NO ROUTE {entry}" for entry in sorted(because.keys() - met)]


def _methods(kind: str) -> list[str]:
    """HEAD is what GET would say."""
    methods = kind.split(",")
    return [method for method in methods if method != "HEAD" or "GET" not in methods]


def _walk(routes: Iterable[BaseRoute], prefix: str) -> Iterator[tuple[str, str]]:
    for route in _effective(routes):
        path = prefix + str(getattr(route, "path", "") or "")
        original = getattr(route, "original_route", route)
        dependant = getattr(route, "dependant", None)
        if isinstance(original, (Mount, Host)):
            inner = getattr(getattr(route, "app", original.app), "routes", None)
            yield from _walk(inner, path) if inner else [("MOUNT", path)]
        elif dependant is None or not _is_guarded(dependant):
            methods = getattr(route, "methods", None)
            kind = "WEBSOCKET" if isinstance(original, WebSocketRoute) else "ANY"
            yield ",".join(sorted(methods)) if methods else kind, path


def _effective(routes: Iterable[BaseRoute]) -> Iterator[Any]:
    """Newer versions of FastAPI keep an included router as one route, with its dependencies beside it."""
    walk = getattr(routing, "iter_route_contexts", None)
    return iter(routes) if walk is None else walk(list(routes))


def _is_guarded(dependant: Any) -> bool:
    return requirement_at(dependant.call) is not None or any(_is_guarded(inner) for inner in dependant.dependencies)
