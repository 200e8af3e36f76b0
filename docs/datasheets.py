"""A service's datasheet as tables: settings, assumptions, counts, claims, terms, constants and exposures.

Everything comes from the class: the fields' own sentences, the formulas' own `return` expressions (`capacity.formula`).
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, get_args, get_type_hints

from capacity.arithmetic import UNLIMITED
from capacity.formula import formula_of
from capacity.memory import Memory
from capacity.service import ClaimMethod, Part, Service, Term
from capacity.services.php_fpm.exposures import ESCAPES
from capacity.services.registry import SERVICES
from capacity.settings import REQUIRED, Measured, Setting, Since, Spec
from capacity.units import KiB, human

# what makes every exposure of a service show itself
OPEN: Final[dict[str, dict[str, Any]]] = {
    "PhpFpm": {"extensions": tuple(sorted(name for escape in ESCAPES for name in escape.extensions))},
    "PhpFpmPool": {"max_children": 1, "status_listen": "/run/php/status.sock"},
    "Process": {"known": {"private": Setting("private", 0, Measured("/proc"))}},
}


def pages() -> dict[str, str]:
    """The generated part of each service's page, by the name of the page."""
    return {cls.__module__.split(".")[2].replace("_", "-"): page(cls) for cls in SERVICES}


def page(cls: type[Service]) -> str:
    """Everything about a service and its parts."""
    text = [
        "## The datasheet, as built",
        "Made from the code by `docs/generate.py`: names, sentences and formulas are its own.",
    ]
    for sheet in (cls, *part_of(cls)):
        text += [f"### `{sheet.__name__}`", paragraph(sheet.__doc__), fields(sheet), *_formulas(sheet)]
    found = list(specimen(cls).exposures())
    if found:
        text += [
            "### Exposures",
            "What no setting bounds; never in a sum. Beside a bill stand those that its host has.",
        ]
        text += [table(("what", "why", "remedy"), ((one.what, one.why, one.fix) for one in found))]
    return "\n\n".join(text)


def part_of(cls: type[Service]) -> Iterator[type[Part]]:
    """The class of a service's parts, if it has some."""
    if cls.part_field:
        yield get_args(get_type_hints(cls)[cls.part_field])[0]


def specimen(cls: type[Service]) -> Service:
    """A service of this kind with everything that leaves something open."""
    parts = {cls.part_field: tuple(specimen(one) for one in part_of(cls))} if cls.part_field else {}
    return cls(name=cls.program, **parts, **OPEN.get(cls.__name__, {}))


# ---------------------------------------------------------------------------------------------- fields


def fields(cls: type[Service]) -> str:
    """Settings, demands and assumptions of a datasheet as tables."""
    specs = cls.specs()
    text = []
    rows = [
        (f"`{spec.name}`", default(spec), spec.doc, spec.source) for spec in specs.values() if spec.kind == "setting"
    ]
    if rows:
        text += ["Settings:", table(("setting", "built-in value", "what it is", "source"), rows)]
    rows = [(f"`{cls.program}.{name}`", spec.doc) for name, spec in specs.items() if spec.kind == "demand"]
    if rows:
        text += ["Demands, without a limit until a coupling, a measurement or the caller knows better:"]
        text += [table(("demand", "what it is"), rows)]
    rows = [
        (f"`{cls.program}.{name}`", default(spec), spec.doc)
        for name, spec in specs.items() if spec.kind == "assumption"
    ]  # fmt: skip
    if rows:
        text += ["Assumptions, until they are given or measured:"]
        text += [table(("assumption", "default", "what it is, and why"), rows)]
    return "\n\n".join(text)


def default(spec: Spec) -> str:
    """The built-in value of a field in words; which releases it is in, where it changed."""
    return "required" if spec.default is REQUIRED else _value(spec, spec.default)


def _value(spec: Spec, value: Any) -> str:
    if isinstance(value, Since):
        return f"{_value(spec, value.then)} from {', '.join(value.firsts)} on, before {_value(spec, value.before)}"
    if value == UNLIMITED:
        return "no limit"
    if isinstance(value, str):
        return f"`{value}`" if value else "not set"
    return human(value) if spec.size and value else f"{value:,}"


# ---------------------------------------------------------------------------------------------- formulas


def _formulas(cls: type[Service]) -> Iterator[str]:
    claims = cls.claim_methods()
    terms = [member for member in _members(cls) if isinstance(member, Term) and not isinstance(member, ClaimMethod)]
    texts = [formula_of(one) for one in (*claims, *terms)]
    names = {name for text in texts for name in _names(text)} | {one.count for one in claims}
    counts = [one for one in _properties(cls) if one.name in names]
    if counts:
        yield "Counts and figures that formulas read:"
        yield table(("name", "formula", "what it is (who says so)"), (_row(one) for one in counts))
    yield "Claims, each `count` x `each` bytes:"
    head = ("claim", "in", "kind", "count", "each", "what takes the bytes (who says so)")
    rows = ((f"`{c.name}`", c.process, c.kind, _code(c.count), _code(formula_of(c)), c.doc) for c in claims)
    yield table(head, rows)
    if terms:
        yield "Terms, named parts of the formulas:"
        yield table(("term", "formula", "what it is (who says so)"), (_row(one) for one in terms))
    constants = list(_constants(cls, names | {name for one in counts for name in _names(formula_of(one))}))
    if constants:
        yield f"Constants; their sources stand beside them in `{cls.__module__.replace('.', '/')}.py`:"
        yield table(("constant", "value"), constants)


def explained(cls: type[Service]) -> Iterator[Term]:
    """Every claim, term and one-line property of a datasheet."""
    yield from (member for member in _members(cls) if isinstance(member, Term))
    yield from _properties(cls)


def _members(cls: type[Service]) -> Iterator[Any]:
    for base in reversed(cls.__mro__):
        yield from vars(base).values()


def _properties(cls: type[Service]) -> Iterator[Term]:
    """The properties that are one `return`, as terms."""
    for member in _members(cls):
        if isinstance(member, property) and member.fget is not None:
            body = ast.parse(textwrap.dedent(inspect.getsource(member.fget))).body[0]
            if isinstance(body, ast.FunctionDef) and len(body.body) <= 2 and isinstance(body.body[-1], ast.Return):
                one = Term(member.fget)
                one.doc = " ".join(paragraph(member.__doc__).split("\n\n")[0].split())
                yield one


def _row(one: Term) -> tuple[str, str, str]:
    return f"`{one.name}`", _code(formula_of(one)), one.doc


def _names(formula: str) -> set[str]:
    nodes = ast.walk(ast.parse(formula))
    return {
        node.id if isinstance(node, ast.Name) else node.attr
        for node in nodes if isinstance(node, (ast.Name, ast.Attribute))
    }  # fmt: skip


def _constants(cls: type[Service], names: set[str]) -> Iterator[tuple[str, str]]:
    """Whole numbers in capitals that the formulas name, of the class or of its module."""
    known = vars(inspect.getmodule(cls)) | {k: v for base in reversed(cls.__mro__) for k, v in vars(base).items()}
    for name, value in known.items():
        if name in names and name.isupper() and not name.startswith("UN"):
            yield f"`{name}`", _constant(value)


def _constant(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_nested(one)}" for key, one in value.items())
    return f"{human(value)} ({value:,} bytes)" if isinstance(value, int) and value >= KiB else f"{value:,}"


def _nested(value: Any) -> str:
    return f"({_constant(value)})" if isinstance(value, dict) else _constant(value)


# ---------------------------------------------------------------------------------------------- the budget


def budget(lines: Sequence[str]) -> str:
    """The lines that a budget takes off MemTotal, in their order, with the terms that they are made of."""
    named = {one.name: one for one in _members(Memory) if isinstance(one, Term)}
    rows: list[tuple[str, str, str]] = []
    for name in lines:
        if name in named:
            rows.append(_row(named[name]))
            rows += [_row(named[part]) for part in named if part in _names(formula_of(named[name])) - set(lines)]
        else:
            spec = Memory.specs()[name]
            rows.append((f"`{name}`", f"read; else {default(spec)}", spec.doc))
    return table(("line, and the terms in it", "formula", "what it is (who says so)"), rows)


# ---------------------------------------------------------------------------------------------- Markdown


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def paragraph(doc: str | None) -> str:
    """A docstring as a paragraph or several."""
    return inspect.cleandoc(doc or "")


def _code(formula: str) -> str:
    return f"`{formula}`" if formula else "1"
