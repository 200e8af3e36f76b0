"""The text of a formula is its `return` expression itself; read when somebody asks for it, never at start."""

from __future__ import annotations

import ast
import copy
import inspect
import math
import textwrap
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from capacity.arithmetic import Number, is_array
from capacity.record import record
from capacity.service import Claim, Term
from capacity.settings import Setting
from capacity.units import KiB, human

if TYPE_CHECKING:
    from capacity.bill import Bill
    from capacity.walls import Relief


@record
class Explanation:
    """One line of a bill with everything behind it. `bytes` is negative for caps and walls.

    `formula` is the expression of the code, `numbers` the same with the values in their place; `terms` are
    (name, bytes, formula, sentence) of its named parts, `settings` what it read, `source` who says so.
    """

    service: str
    name: str
    process: str
    bound: str
    count: Number
    each: Number
    bytes: Number
    formula: str
    numbers: str
    sentence: str
    terms: tuple[tuple[str, Number, str, str], ...]
    settings: tuple[tuple[str, Setting], ...]


def explained(bill: Bill) -> tuple[Explanation, ...]:
    """Every line of a bill, positive and negative, in its order."""
    lines = [_claim(claim) for claim in bill.claims]
    lines += [_relief(line, "cap") for line in bill.caps]
    lines += [_relief(line, "wall") for line in bill.walls]
    return tuple(lines)


def _claim(claim: Claim) -> Explanation:
    values = {setting.name: setting.value for _, setting in claim.reads}
    values |= {address.rsplit(".", 1)[-1]: setting.value for address, setting in claim.reads}
    owner, constants = _members(claim)
    values = constants | values | dict(claim.terms) | dict(claim.derived)
    terms = tuple(
        (name, value, formula_of(owner[name]), owner[name].doc) for name, value in claim.terms if name in owner
    )
    return Explanation(
        claim.service, claim.name, claim.process, claim.bound, claim.count, claim.each, claim.total,
        formula_of(claim.method), numbers_of(claim.method, values), claim.doc, terms, claim.reads,
    )  # fmt: skip


def _members(claim: Claim) -> tuple[dict[str, Term], dict[str, Any]]:
    """The terms, and the numbers that are constants, of the classes in the module of the claim's class, by name."""
    terms: dict[str, Term] = {}
    constants: dict[str, Any] = {}
    for value in vars(inspect.getmodule(claim.method.compute)).values():
        if isinstance(value, type):
            terms |= {name: member for name, member in vars(value).items() if isinstance(member, Term)}
            constants |= {name: member for name, member in vars(value).items() if isinstance(member, int)}
    return terms, constants


def _relief(line: Relief, kind: str) -> Explanation:
    formula = (
        f"what is inside, less {line.name}" if kind == "wall" else f"what runs beyond {line.name}, the cheapest first"
    )
    return Explanation(
        line.service, line.name, kind, "enforced", 1, -line.relief, -line.relief, formula,
        f"over {_shown(line.limit)}", f"{line.name} holds it back.", (), line.reads,
    )  # fmt: skip


def formula_of(method: Term) -> str:
    """The `return` expression of a term or claim, without `self.`."""
    return ast.unparse(_Plain().visit(_expression(method.compute)))


def numbers_of(method: Term, values: Mapping[str, Any]) -> str:
    """The same expression with the values that were read, and the constants of its module, in their place."""
    constants = getattr(method.compute, "__globals__", {})
    return ast.unparse(_Numbers(values, constants).visit(_expression(method.compute))).replace("'", "")


@cache
def _source(compute: Any) -> str:
    return textwrap.dedent(inspect.getsource(compute))


def _expression(compute: Any) -> ast.expr:
    """The expression that a formula returns, with what it names on the way there put in its place."""
    names = _Names({})
    (function,) = ast.parse(_source(compute)).body
    for node in getattr(function, "body", ()):
        if isinstance(node, ast.Assign):
            (target,) = node.targets
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=True))
            for name, value in pairs:
                names.values[ast.unparse(name)] = names.visit(value)
        elif isinstance(node, ast.Return) and node.value is not None:
            expression: ast.expr = names.visit(node.value)
            return expression
    raise TypeError(f"{compute.__name__} has no return expression")


class _Names(ast.NodeTransformer):
    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """A name that the formula gave to a part of itself: that part, made anew, for others change what they get."""
        return copy.deepcopy(self.values[node.id]) if node.id in self.values else node


class _Plain(ast.NodeTransformer):
    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """`self.x` is x, `self.master.x` is master.x."""
        self.generic_visit(node)
        if isinstance(node.value, ast.Name) and node.value.id == "self":
            return ast.Name(node.attr, ast.Load())
        return node


class _Numbers(ast.NodeTransformer):
    def __init__(self, values: Mapping[str, Any], constants: Mapping[str, Any]) -> None:
        self.values, self.constants = values, constants

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """A field or term: its value where it was read, else its name."""
        if node.attr in self.values:
            return ast.Constant(_shown(self.values[node.attr]))
        return _Plain().visit_Attribute(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """A constant of the module: its value."""
        value = self.constants.get(node.id)
        return ast.Constant(_shown(value)) if isinstance(value, (int, float)) else node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Functions keep their names; their arguments become numbers."""
        node.args = [self.visit(argument) for argument in node.args]
        return node


def _shown(value: Any) -> str:
    if is_array(value):
        return f"an array of {value.size}"
    if isinstance(value, (int, float)):
        return human(value) if math.isinf(value) or abs(value) >= KiB * 16 else str(value)
    return str(value)
