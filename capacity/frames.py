"""Tables of pandas: every column with a stated dtype, bytes as whole numbers, names as categories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from capacity.arithmetic import UNLIMITED, is_array
from capacity.errors import BadValue

if TYPE_CHECKING:
    import pandas as pd

    from capacity.bill import Bill
    from capacity.table import Settings

CATEGORIES = ("service", "process", "kind", "bound")


def bill_frame(bill: Bill) -> pd.DataFrame:
    """Every line of a bill: `count`, `each` and `bytes` are int64, or float64 where one of them is infinite.

    Columns: service, process, name, kind, bound, count, each, bytes, settings. Raises BadValue where a setting is an
    array: such a bill is a cube, not a table.
    """
    import pandas as pd

    rows: list[tuple[Any, ...]] = [
        (c.service, c.process, c.name, c.kind, c.bound, c.count, c.each, c.total, ", ".join(a for a, _ in c.reads))
        for c in bill.claims
    ]
    for kind, lines in (("cap", bill.caps), ("wall", bill.walls)):
        rows += [
            (r.service, "", r.name, kind, "enforced", 1, -r.relief, -r.relief, ", ".join(a for a, _ in r.reads))
            for r in lines
        ]
    if any(is_array(cell) for row in rows for cell in row):
        raise BadValue("to_frame", "a bill of arrays", accepts="a bill of one host")
    names = ["service", "process", "name", "kind", "bound", "count", "each", "bytes", "settings"]
    frame = pd.DataFrame(rows, columns=names).astype(dict.fromkeys(("name", "settings"), "string"))
    frame = frame.astype(dict.fromkeys(CATEGORIES, "category"))
    return frame.astype({column: _width(frame[column]) for column in ("count", "each", "bytes")})


def settings_frame(settings: Settings) -> pd.DataFrame:
    """Every setting in effect: program, version, instance, scope, name, value, text, origin, file, line, overrode.

    `value` is a string (bytes, count or word; `infinity` for no limit), `line` is Int64 and missing without a file.
    """
    import pandas as pd

    names = ["program", "version", "instance", "scope", "name", "value", "text", "origin", "file", "line", "overrode"]
    rows: list[tuple[Any, ...]] = []
    for row in settings:
        origin = row.setting.origin
        value = "infinity" if row.setting.value == UNLIMITED else str(row.setting.value)
        file, line = getattr(origin, "path", None), getattr(origin, "line", None) or None
        losers = "; ".join(f"{lost.text or lost.value} ({lost.origin})" for lost in row.setting.overrode)
        rows.append((row.program, row.version, row.instance, row.scope, row.setting.name, value, row.setting.text,
                     str(origin), file, line, losers))  # fmt: skip
    frame = pd.DataFrame(rows, columns=names).astype({name: "string" for name in names if name != "line"})
    categories = dict.fromkeys(("program", "version", "instance", "scope"), "category")
    return frame.astype(categories).astype({"line": "Int64"})


def _width(column: Any) -> str:
    return "float64" if (column == UNLIMITED).any() or (column == -UNLIMITED).any() else "int64"
