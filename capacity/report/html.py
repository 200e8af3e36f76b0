"""The report: one HTML file about a host, without script and without an outside address, to hand on and to print.

Everything on the page comes from the model as it stands; this module only chooses and words it. Every text of a
configuration is sanitized (`finalize`) and escaped (`autoescape`). Pictures are SVG files inside `<img>`, so that their
ids cannot collide; the same host gives the same bytes.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import capacity
from capacity import plots
from capacity.bill import Bill
from capacity.findings import Edit, Finding, Mark
from capacity.formula import Explanation
from capacity.host import SCENARIOS, Host, Scenario
from capacity.record import record
from capacity.report.document import assumptions, not_known
from capacity.report.words import amount, headline, ram, sanitize, size
from capacity.settings import NotKnown, Setting
from capacity.shares import Share, of_bills, steps

if TYPE_CHECKING:
    from jinja2 import Template
    from matplotlib.axes import Axes

DARK_INK: Final = "#DDE1E6"
AROUND: Final = 90  # characters of a source line that are shown on either side of a value
Draw = Callable[[str], "Axes"]


@record
class Figure:
    """A picture in two colours of ink (data: addresses), what it says for those who cannot see it, and its numbers."""

    title: str
    alt: str
    light: str
    dark: str
    width: int
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def report(host: Host, scenario: Scenario = "reachable") -> str:
    """The whole report as text: HTML with everything it needs inside. Raises BadValue for a host of arrays."""
    bills = {name: host.bill(name) for name in SCENARIOS}
    for one in bills.values():
        plots.finding(one)  # refuses arrays, before anything is worded
    bill = bills[scenario]
    return _template().render(
        host=host, bill=bill, bills=bills, scenario=scenario, version=capacity.__version__,
        headline=headline(host, bill), ram=ram(host, bill), figures=tuple(_figures(bill, bills)),
        findings=[_card(finding) for finding in sorted(host.findings(), key=lambda f: -(f.bytes or 0))],
        services=tuple(_services(bill)), outside={(one.service, one.name) for one in bill.unknown},
        exposures=host.exposures(), assumptions=tuple(assumptions(host)), not_known=not_known(host, bills.values()),
    )  # fmt: skip


@cache
def _template() -> Template:
    """The template that ships beside this module, with its few filters; autoescape on, every text made harmless."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("capacity", "report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, finalize=_harmless, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters |= {
        "size": size, "exact": _exact, "count": _count, "amount": amount, "value": _value, "origin": _origin,
    }  # fmt: skip
    return environment.get_template("report.html.j2")


def _harmless(value: Any) -> Any:
    """What an expression of the template prints: plain text sanitized, whatever it is."""
    from markupsafe import Markup

    return value if isinstance(value, Markup) else sanitize(str(value))


# ---------------------------------------------------------------------------------------------- numbers as text


def _exact(value: object) -> str:
    return f"{value:,} B" if isinstance(value, int) else size(value)


def _count(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else size(value)


def _value(setting: Setting) -> str:
    """A setting as its file spells it, and as it counts."""
    if isinstance(setting.origin, NotKnown):
        return "not known"
    counts = _count(setting.value) if isinstance(setting.value, (int, float)) else str(setting.value)
    return f"{setting.text} = {counts}" if setting.text and setting.text != str(setting.value) else counts


def _origin(setting: Setting) -> str:
    return str(setting.origin)


# ---------------------------------------------------------------------------------------------- pictures


def _figures(bill: Bill, bills: dict[Scenario, Bill]) -> Iterator[Figure]:
    parts = of_bills([bill])[0]
    rows = tuple((_named(share), *_both(share.bytes, share.unlimited)) for share in reversed(parts))
    numbers = "; ".join(f"{share.name} {_both(share.bytes, share.unlimited)[0]}" for share in reversed(parts))
    head = ("service or wall", "may take", "bytes")
    yield _figure(
        "What each service may take",
        f"{plots.finding(bill)}. {numbers}.",
        lambda ink: plots.stacked(bill, ink=ink),
        head,
        rows,
    )
    if bill.budget.unknown is None:
        down = steps(bill)
        told = "; ".join(f"{step.name} {size(step.bytes)}" for step in down)
        yield _figure(
            "From the RAM down to the headroom", f"{told}.", lambda ink: plots.waterfall(bill, ink=ink),
            ("step", "bytes", "left after it"),
            tuple((step.name, _exact(step.bytes), _exact(step.end)) for step in down),
        )  # fmt: skip
    if len({str(one.total) for one in bills.values()}) > 1:
        named = {str(name): one for name, one in bills.items()}
        yield _figure(
            "What can be reached, and what is promised",
            " ".join(f"{name}: {plots.finding(one)}." for name, one in named.items()),
            lambda ink: plots.compared(named, ink=ink), ("scenario", "bounded total", "bytes"),
            tuple((name, size(one.bounded_total), _exact(one.bounded_total)) for name, one in named.items()),
        )  # fmt: skip


def _both(value: int, unlimited: bool) -> tuple[str, str]:
    less = " and no limit" if unlimited else ""
    return size(value) + less, _exact(value) + less


def _named(share: Share) -> str:
    inside = [name for name in share.services if "/" not in name]
    return share.name if share.name in share.services else f"{share.name}: {', '.join(inside)}"


def _figure(title: str, alt: str, draw: Draw, head: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> Figure:
    light, width = _svg(draw, plots.INK)
    return Figure(title, alt, light, _svg(draw, DARK_INK)[0], width, head, rows)


def _svg(draw: Draw, ink: str) -> tuple[str, int]:
    """A picture as the address of an SVG file, the same bytes for the same numbers; and its width in pixels."""
    import warnings

    import matplotlib

    plain = {name: value for name, value in matplotlib.rcParamsDefault.items() if not name.startswith("backend")}
    with (
        warnings.catch_warnings(),
        matplotlib.rc_context({**plain, "svg.hashsalt": "capacity", "svg.fonttype": "none"}),
    ):
        warnings.filterwarnings("ignore", message="Glyph")  # a name in a script that the font lacks is drawn as boxes
        figure: Any = draw(ink).get_figure(root=True)
        file = io.BytesIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    width = round(96 * float(figure.get_size_inches()[0]))
    return "data:image/svg+xml;base64," + base64.b64encode(file.getvalue()).decode("ascii"), width


# ---------------------------------------------------------------------------------------------- findings


@record
class Source:
    """A marked line of a file: the text before the value, the value, the text after it, and the words under it."""

    path: str
    line: int
    before: str
    value: str
    after: str
    words: str
    loser: bool

    @property
    def indent(self) -> str:
        """As many columns as stand before the value."""
        return " " * len(self.before)

    @property
    def carets(self) -> str:
        """As many carets as the value has columns; dashes under a value that lost."""
        return ("-" if self.loser else "^") * max(1, len(self.value))


@record
class Card:
    """A finding as the page shows it: its marked lines, one group a file, and its fix as an edit or as words."""

    finding: Finding
    files: tuple[tuple[str, tuple[Source, ...]], ...]
    edit: Edit | None
    words: str


def _card(finding: Finding) -> Card:
    files: dict[str, list[Source]] = {}
    for mark in finding.marks:
        files.setdefault(mark.at.path, []).append(_source(mark))
    fix = finding.fix
    groups = tuple((path, tuple(sources)) for path, sources in files.items())
    return Card(finding, groups, fix if isinstance(fix, Edit) else None, fix if isinstance(fix, str) else "")


def _source(mark: Mark) -> Source:
    """The marked line, made harmless before its columns are counted, and cut round its value where it is long."""
    text, (start, end) = mark.at.text, mark.at.span
    before, value, after = (_columns(part) for part in (text[: start - 1], text[start - 1 : end - 1], text[end - 1 :]))
    before = before if len(before) <= AROUND else "…" + before[1 - AROUND :]
    value, after = (part if len(part) <= AROUND else part[: AROUND - 1] + "…" for part in (value, after.rstrip()))
    return Source(mark.at.path, mark.at.line, before, value, after, mark.words, mark.loser)


def _columns(text: str) -> str:
    return sanitize(text.replace("\t", "    "))


# ---------------------------------------------------------------------------------------------- every byte


@record
class Foldable:
    """Every line of one service of the bill, the largest first, and their sum (None where one has no limit)."""

    name: str
    total: object
    lines: tuple[Explanation, ...]
    negative: bool = False


def _services(bill: Bill) -> Iterator[Foldable]:
    """The lines of a bill by service, the dearest service first, what caps and walls take off last."""
    groups: dict[tuple[str, bool], list[Explanation]] = {}
    for line in bill.explain():
        groups.setdefault((line.service, line.process in {"cap", "wall"}), []).append(line)
    found = []
    for (name, less), lines in groups.items():
        lines.sort(key=lambda line: -abs(_number(line.bytes)))
        found.append(Foldable(name, sum(_number(line.bytes) for line in lines), tuple(lines), less))
    yield from sorted(found, key=lambda one: (one.negative, -abs(_number(one.total))))


def _number(value: object) -> float:
    return value if isinstance(value, (int, float)) else 0
