"""What is generated is of the contract as it stands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


def test_the_generated_messages_are_up_to_date() -> None:
    ran = subprocess.run([sys.executable, str(PROJECT / "scripts" / "generate.py"), "--check"], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")
