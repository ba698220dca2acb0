"""The README's code runs as it stands there, but for the place and the key."""

from __future__ import annotations

import re
from pathlib import Path

from castellan_service import CastellanService
from fastapi.testclient import TestClient

README = Path(__file__).resolve().parent.parent / "README.md"


def test_the_code_of_the_readme_does_what_it_says(service: CastellanService, ann_token: str) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 4
    scope: dict[str, object] = {"__name__": "readme", "key": service.key}
    for block in blocks:
        # A loaded machine is slower than the usual deadline.
        code = block.replace('"localhost:9090", key=key', f'"{service.grpc}", key=key, deadline=30')
        for line in code.splitlines(keepends=True):
            said = re.fullmatch(r"(.*?\S) {2,}# (True|\[.*\]|\(.*\))\n", line)
            if said is not None:
                code = code.replace(line, f"assert ({said[1]}) == {said[2]}, 'not as the README says'\n")
        exec(compile(code, str(README), "exec"), scope)
    scope["test_every_route_says_who_may_call_it"]()  # type: ignore[operator]
    with TestClient(scope["app"]) as caller:  # type: ignore[arg-type]
        assert caller.get("/quotes").status_code == 401
        caller.headers["authorization"] = f"Bearer {ann_token}"
        assert caller.get("/quotes").json() == []
        assert caller.post("/quotes/7/send").json() == {"sent": "7", "and": True}
