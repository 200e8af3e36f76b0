"""How long commands take to start and answer, as ratios to `python -c pass` in the same run.

    python benchmarks/start.py [RUNS]

Commands and anchor run in turn, so that a drifting machine moves both; medians and minima of whole processes. Goals:
import at most 5 x (aim 4), check on the incident at most 12 x (aim 8). Prints the machine and the versions too.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time

import capacity

PYTHON = sys.executable
CHECK = [PYTHON, "-m", "capacity", "check", "--example", "incident-before"]
COMMANDS = {
    "python -c pass": [PYTHON, "-c", "pass"],
    "import capacity": [PYTHON, "-c", "import capacity"],
    "capacity check": CHECK,
    "capacity check --json": [*CHECK, "--json"],
}
GOALS = {"import capacity": 5.0, "capacity check": 12.0}


def seconds(command: list[str]) -> float:
    """Wall seconds of one whole process; its output is thrown away."""
    # modules are compiled once, as in an installed package: whoever forbids that measures the compiler
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    begin = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, env=environment, check=False)
    return time.perf_counter() - begin


def main() -> None:
    """Prints a row a command: median and minimum in milliseconds, ratios to the anchor, the goal."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for command in COMMANDS.values():
        seconds(command)
    for _ in range(runs):
        for name, command in COMMANDS.items():
            times[name].append(seconds(command))
    anchor = times["python -c pass"]
    print(f"capacity {capacity.__version__}, Python {platform.python_version()}, {platform.machine()}, "
          f"{os.cpu_count()} CPUs, {runs} runs")  # fmt: skip
    print(f"{'':<24}{'median ms':>10}{'min ms':>10}{'x median':>10}{'x min':>8}{'goal':>8}")
    for name, row in times.items():
        median, least = statistics.median(row), min(row)
        goal = f"{GOALS[name]:.0f} x" if name in GOALS else ""
        print(f"{name:<24}{median * 1e3:>10.1f}{least * 1e3:>10.1f}{median / statistics.median(anchor):>10.1f}"
              f"{least / min(anchor):>8.1f}{goal:>8}")  # fmt: skip


if __name__ == "__main__":
    main()
