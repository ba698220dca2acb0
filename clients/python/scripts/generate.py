"""Writes src/castellan/_proto from ../../proto; with --check says whether it is up to date, and writes nothing."""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

PROJECT = Path(__file__).resolve().parent.parent
PROTO = PROJECT.parent.parent / "proto"
KEPT = PROJECT / "src" / "castellan" / "_proto"
SOURCE = "castellan/v1/decision_service.proto"


def generate(into: Path) -> dict[str, str]:
    """Path under `_proto` → content."""
    ways = [f"--{kind}_out={into}" for kind in ("python", "pyi", "grpc_python")]
    roots = [f"--proto_path={root}" for root in (PROTO, Path(protoc.__file__).parent / "_proto")]
    if protoc.main(["protoc", *roots, *ways, SOURCE]) != 0:
        raise SystemExit("protoc failed")
    files = {}
    for path in sorted(into.rglob("*.py*")):
        # What protoc takes for the root of imports is this package's own business: `castellan.v1` is no package of ours.
        text = re.sub(r"^from castellan\.v1 import ", "from . import ", path.read_text(), flags=re.MULTILINE)
        files[path.relative_to(into).as_posix()] = text
    for package in ("", "castellan/", "castellan/v1/"):
        files[f"{package}__init__.py"] = ""
    return files


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = generate(Path(folder))
    present = {path.relative_to(KEPT).as_posix(): path.read_text() for path in KEPT.rglob("*.py*") if "__pycache__" not in path.parts}
    if present == files:
        return
    if "--check" in sys.argv:
        names = sorted(name for name in files.keys() | present.keys() if files.get(name) != present.get(name))
        raise SystemExit(f"out of date: {', '.join(names)}; run: python clients/python/scripts/generate.py")
    for name in present.keys() - files.keys():
        (KEPT / name).unlink()
    for name, text in files.items():
        (KEPT / name).parent.mkdir(parents=True, exist_ok=True)
        (KEPT / name).write_text(text)


if __name__ == "__main__":
    main()
