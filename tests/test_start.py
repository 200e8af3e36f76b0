"""What starts light stays light: which modules a command loads, looked up in the process itself."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("numpy", "pandas", "matplotlib", "jinja2", "scipy", "rich")
PROBE = """
import sys
from io import StringIO
sys.stdout, out = StringIO(), sys.stdout
{run}
sys.stdout = out
print(sorted(set(sys.modules) & set({heavy!r})))
"""


def loaded(run: str) -> str:
    """The heavy modules that a process has loaded after `run`, as it prints them."""
    code = PROBE.format(run=run, heavy=HEAVY)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize(
    "run",
    [
        "import capacity",
        "from capacity.cli import main; main(['check', '--example', 'incident-before'])",
        "from capacity.cli import main; main(['check', '--example', 'incident-before', '--json'])",
        "from capacity.cli import main; main(['settings', '--example', 'incident-after-first-fix', '--json'])",
        "from capacity.cli import main; main(['explain', '--example', 'incident-before'])",
    ],
)
def test_nothing_heavy_is_loaded(run: str) -> None:
    assert loaded(run) == "[]"


def test_the_probe_sees_what_is_loaded() -> None:
    assert loaded("import numpy") == "['numpy']"
