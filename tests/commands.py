"""The command line in a test: in this process, or in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from capacity.cli import main
from tests.trees import MEMINFO

HOSTS = Path(__file__).parent / "hosts"
TREES = [*sorted((HOSTS / "rules").glob("*/*")), HOSTS / "incident" / "before", HOSTS / "incident" / "after-first-fix"]
EXAMPLES = ("incident-before", "incident-after-first-fix")
SWAP = MEMINFO.replace("SwapTotal:             0", "SwapTotal:       4194304").replace(
    "SwapFree:              0", "SwapFree:        4194304"
)


def name_of(tree: Path) -> str:
    """A short name of a tree for a test's id."""
    return f"{tree.parent.name}-{tree.name}"


class Run:
    """Runs a command in this process; the answer is (exit code, standard output, standard error)."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        code = main(words)
        out = self.capsys.readouterr()
        return code, out.out, out.err


def started(
    *words: str, given: bytes | None = None, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """A command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "capacity", *words], input=given, capture_output=True, check=False,
        env={**os.environ, **(environment or {})},
    )  # fmt: skip
