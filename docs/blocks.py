"""Blocks of a page that show what the tool prints: found, run again, and written back.

A `console` block holds lines `$ capacity ...` (and `$ echo $?`), each with its output below it. A `python` block that
is followed by a `text` block shows that block's output; the Python blocks of a page run one after another, as one
script. A command that reads this machine (`/`) is left as it stands: its output is nobody else's.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
CONSOLE: Final = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PYTHON: Final = re.compile(r"^```python\n(.*?)^```$(?:\n\n```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)
BETWEEN: Final = "\0"  # stands between the outputs of two commands; no output holds it
ENVIRONMENT: Final = {**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}


def fresh(page: str) -> str:
    """The page with every output in it as the tool prints it now."""
    page = CONSOLE.sub(lambda match: f"```console\n{console(match[1])}```", page)
    outputs = iter(python([match[1] for match in PYTHON.finditer(page)]))

    def again(match: re.Match[str]) -> str:
        printed = next(outputs)
        shown = f"\n\n```text\n{printed}```" if match[2] is not None else ""
        return f"```python\n{match[1]}```{shown}"

    return PYTHON.sub(again, page)


def commands_of(block: str) -> list[str]:
    """The commands of a console block, without the prompt."""
    return [line[2:] for line in block.split("\n") if line.startswith("$ ")]


def is_of_this_machine(command: str) -> bool:
    """Whether a command reads the machine that it runs on."""
    return "/" in command.split()


def console(block: str) -> str:
    """A console block with the output of each of its commands as it is now."""
    commands = commands_of(block)
    if any(is_of_this_machine(command) for command in commands):
        return block
    for command in commands:
        if not command.startswith("capacity ") and command != "echo $?":
            raise SystemExit(f"a console block may run capacity alone, not {command!r}")
    lines = [f'capacity() {{ "{sys.executable}" -m capacity "$@"; }}']
    for command in commands:
        lines += [command, "code=$?; printf '\\0'; (exit $code)"]
    done = subprocess.run(
        ["sh", "-c", "\n".join(lines)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT, env=ENVIRONMENT,
        check=False, text=True, encoding="utf-8",
    )  # fmt: skip
    if "Traceback (most recent call last)" in done.stdout:
        raise SystemExit(f"{commands} ends in a traceback:\n{done.stdout[-2000:]}")  # never written into a page
    outputs = done.stdout.split(BETWEEN)
    return "".join(f"$ {command}\n{printed}" for command, printed in zip(commands, outputs))


def python(blocks: list[str]) -> list[str]:
    """What each of a page's Python blocks prints, run in their order in one process."""
    if not blocks:
        return []
    script = "print(chr(0), end='')\n".join(f"{block}\n" for block in blocks)
    with tempfile.TemporaryDirectory() as folder:
        # a file, since the text of a formula is read from the file in which it stands
        path = Path(folder) / "page.py"
        path.write_text(script, "utf-8")
        done = subprocess.run(
            [sys.executable, str(path)], capture_output=True, cwd=folder, env=ENVIRONMENT, check=False, text=True,
            encoding="utf-8",
        )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"a Python block fails:\n{done.stderr}")
    return done.stdout.split(BETWEEN)
