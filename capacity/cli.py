"""The command line: thin. What it prints is made in `capacity.report`; what it answers comes from the model.

Standard output is the answer, standard error is talk. Exit code 0 fits, 1 does not fit, 2 could not say (usage errors
and every CapacityError included), 130 after an interrupt.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, NoReturn

from capacity.errors import BadValue, CapacityError, UnknownFlag

if TYPE_CHECKING:
    from capacity.host import Host
    from capacity.report.lines import Styled

EXAMPLES = """examples:
  capacity check --example incident-before    a host that ran out of memory
  capacity check /                            this machine
  capacity check web1.tar.gz --json           a copy of another one, for a program
"""

GARBAGE: Final = 100_000  # objects between two looks for cycles: a command lives a tenth of a second and makes few


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """A usage error is a CapacityError like every other: one line, exit code 2."""
        raise UnknownFlag(f"{self.prog}: {message} (see {self.prog} --help)")


def parser(only: str = "") -> argparse.ArgumentParser:
    """The parser of every command, or, where the command is known already, of that one `only`."""
    from capacity import __version__

    top = _Parser(
        prog="capacity", description="Can this Linux host run out of memory, and which line is to blame?",
        epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    top.add_argument("--version", action="version", version=f"capacity {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    for name, add in COMMANDS.items():
        if only in {name, ""}:
            add(commands)
    return top


def _host_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("root", nargs="?", help="/, a copied tree, a tar archive, or - for one on standard input")
    command.add_argument("--example", metavar="NAME", help="a host that ships with this tool instead of ROOT")
    command.add_argument("--memory", metavar="SIZE", help="the RAM, where the tree does not tell it: 16G")
    command.add_argument("--cpus", metavar="N", help="the number of CPUs, where the tree does not tell it")
    command.add_argument(
        "--process", metavar="NAME=BYTES[xCOUNT]", action="append", default=[],
        help="a process beside the services: backup=300Mx2 (repeatable)",
    )  # fmt: skip
    command.add_argument("--processes", metavar="FILE", help="a TOML file of such processes")
    command.add_argument(
        "--assume", metavar="PROGRAM.FIELD=VALUE", action="append", default=[],
        help="what no setting says: mariadbd.packet=1M (repeatable; capacity explain --assumptions lists them)",
    )  # fmt: skip
    command.add_argument(
        "--but", metavar="ADDRESS=VALUE", action="append", default=[],
        help="the host with a setting changed: www.memory_limit=512M, user.slice.MemoryMax=2G (repeatable)",
    )  # fmt: skip
    command.add_argument("--alert", metavar="PERCENT", default="85", help="above this share of RAM a host is tight")


def _check(commands: Any) -> None:
    command = commands.add_parser(
        "check", help="verdict, bill and findings", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="capacity check /\n\nVerdict, bill and findings. Exit code: 0 fits, 1 does not, 2 unknown.",
    )  # fmt: skip
    _host_arguments(command)
    command.add_argument("--scenario", choices=("reachable", "promised"), default="reachable")
    command.add_argument(
        "--fail-on", choices=("over", "unlimited", "swaps", "tight"), default="tight",
        help="the mildest verdict that counts as not fitting",
    )  # fmt: skip
    command.add_argument("--json", action="store_true", help="one JSON document (see capacity schema)")
    command.add_argument("-v", "--verbose", action="store_true", help="every finding and line, on a host that fits too")


def _explain(commands: Any) -> None:
    command = commands.add_parser(
        "explain", help="every byte with its formula", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="capacity explain / www\n\nEvery line of the bill: formula, numbers, settings and their places.",
    )  # fmt: skip
    _host_arguments(command)
    command.add_argument("name", nargs="?", help="a service, a pool or a claim; everything without it")
    command.add_argument("--scenario", choices=("reachable", "promised"), default="reachable")
    command.add_argument("--assumptions", action="store_true", help="what no setting says, with defaults and reasons")


def _settings(commands: Any) -> None:
    command = commands.add_parser("settings", help="every setting in effect", description="Every setting in effect.")
    _host_arguments(command)
    command.add_argument("--json", action="store_true", help="one JSON document (see capacity schema settings)")


def _report(commands: Any) -> None:
    command = commands.add_parser("report", help="one self-contained HTML file", description="A report to hand on.")
    _host_arguments(command)
    command.add_argument("-o", "--output", metavar="FILE", required=True, help="where to write it; - for stdout")
    command.add_argument("--scenario", choices=("reachable", "promised"), default="reachable")


def _rule(commands: Any) -> None:
    command = commands.add_parser("rule", help="what a finding's code means", description="The page of a rule.")
    command.add_argument("code", nargs="?", help="such as CAP101; every rule without it")


def _schema_of(commands: Any) -> None:
    command = commands.add_parser("schema", help="the JSON schema of the output", description="Prints a JSON schema.")
    command.add_argument("which", nargs="?", choices=("check", "settings"), default="check")


COMMANDS: Final = {
    "check": _check, "explain": _explain, "settings": _settings, "report": _report, "rule": _rule, "schema": _schema_of,
}  # fmt: skip


# ---------------------------------------------------------------------------------------------- reading the host


def host_of(options: argparse.Namespace) -> Host:
    """The host that the arguments name, with everything they give. Raises CapacityError."""
    from capacity.reading import read_host

    if options.example and options.root and options.command == "explain" and options.name is None:
        options.root, options.name = None, options.root
    if options.example and options.root:
        raise UnknownFlag("give ROOT or --example, not both")
    if options.example:
        from capacity.examples import example

        source: Any = example(options.example)
    else:
        source = options.root or "/"
    host = read_host(
        source, memory=options.memory, cpus=options.cpus, processes=_declared(options),
        assume=dict(_pair(text, "--assume") for text in options.assume), alert=_alert(options.alert),
    )  # fmt: skip
    return host.but(dict(_pair(text, "--but") for text in options.but)) if options.but else host


def _pair(text: str, flag: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or "." not in name:
        raise BadValue(flag, text, accepts="NAME.FIELD=VALUE")
    return name.strip(), value.strip()


def _declared(options: argparse.Namespace) -> list[str]:
    found = list(options.process)
    if options.processes:
        from capacity.reading import processes_of_file

        found += processes_of_file(options.processes)
    return found


def _alert(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 8 and 1 <= int(text) <= 100):
        raise BadValue("--alert", text, accepts="a whole percentage from 1 to 100")
    return int(text)


# ---------------------------------------------------------------------------------------------- commands


def run(options: argparse.Namespace) -> int:
    """Carries out one command; returns its exit code. Raises CapacityError."""
    if options.command == "rule":
        from capacity.rules import page

        return _print(page(options.code))
    if options.command == "schema":
        return _schema(options.which)
    host = host_of(options)
    return {"check": run_check, "explain": run_explain, "settings": run_settings, "report": run_report}[
        options.command
    ](host, options)


def run_check(host: Host, options: argparse.Namespace) -> int:
    """`capacity check`: the verdict's exit code."""
    if options.json:
        from capacity.report.document import document

        data = document(host, options.scenario, fail_on=options.fail_on)
        _json(data)
        return int(data["exit_code"])
    from capacity.report.terminal import check
    from capacity.report.words import exit_code

    bill = host.bill(options.scenario)
    other = host.bill("promised" if options.scenario == "reachable" else "reachable")
    _show(check(host, bill, other, host.findings(), verbose=options.verbose))
    return exit_code(bill.verdict, options.fail_on)


def run_explain(host: Host, options: argparse.Namespace) -> int:
    """`capacity explain`: 0 where the name is known."""
    from capacity.report.explanations import assumed, explain

    if options.assumptions:
        from capacity.report.document import assumptions

        _show(assumed(assumptions(host)))
        return 0
    _show(explain(host.bill(options.scenario), options.name))
    return 0


def run_settings(host: Host, options: argparse.Namespace) -> int:
    """`capacity settings`: every setting in effect."""
    if options.json:
        from capacity.report.document import settings_document

        _json(settings_document(host))
        return 0
    from capacity.report.explanations import settings

    _show(settings(host))
    return 0


def run_report(host: Host, options: argparse.Namespace) -> int:
    """`capacity report`: writes one file, never into the host."""
    from capacity.report.html import report

    text = report(host, options.scenario)
    if options.output == "-":
        sys.stdout.write(text)
        return 0
    try:
        with open(options.output, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise CapacityError(f"{options.output}: cannot be written: {error.strerror}") from None
    print(f"wrote {options.output}", file=sys.stderr)
    return 0


def _schema(which: str) -> int:
    from importlib.resources import files

    return _print([files("capacity.report").joinpath(f"{which}.schema.json").read_text("utf-8").rstrip("\n")])


def _json(data: dict[str, Any]) -> None:
    import json

    # text of a configuration is escaped to ASCII, so that no terminal obeys it
    print(json.dumps(data, indent=2, allow_nan=False))


def _print(lines: Iterable[str]) -> int:
    for line in lines:
        print(line)
    return 0


def _show(lines: Iterable[Styled]) -> None:
    """Prints lines, coloured where standard output is a terminal that wants it (https://no-color.org)."""
    encoding = (sys.stdout.encoding or "ascii").lower().replace("-", "")
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb":
        from rich.console import Console
        from rich.text import Text

        console = Console(markup=False, emoji=False, highlight=False, soft_wrap=True)
        for text, style in lines:
            console.print(Text(text, style=style))
        return
    for text, _ in lines:
        print(
            text if encoding == "utf8" else text.replace("·", "-").replace("…", "~").encode("ascii", "replace").decode()
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code and raises nothing."""
    gc.set_threshold(GARBAGE)
    try:
        words = list(sys.argv[1:] if arguments is None else arguments)
        options = parser(words[0] if words and words[0] in COMMANDS else "").parse_args(words)
        if options.command is None:
            parser().print_help()
            return 0
        code = run(options)
        sys.stdout.flush()
        return code
    except CapacityError as error:
        from capacity.report.words import sanitize

        print(f"capacity: {sanitize(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever reads has had enough (| head)
        _hush()
        return 141
    except OSError as error:  # every file of a host is read with errors of its own: this is where the answer goes
        _hush()
        print(f"capacity: standard output: {error.strerror}", file=sys.stderr)
        return 2


def _hush() -> None:
    """Lets what is still to be written go nowhere, so that Python says nothing when it flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
