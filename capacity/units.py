"""Bytes, and how people read them.

Whole bytes inside, MiB and GiB for people. How a *program* spells a size is that program's own dialect and stands with
its reader; `bytes_given` is the dialect of this tool's own arguments (`--memory 16G`) and of nothing else.
"""

from __future__ import annotations

import math
import re
from typing import Final, cast

from capacity.arithmetic import Number
from capacity.errors import BadValue

KiB: Final = 1024
MiB: Final = 1024**2
GiB: Final = 1024**3
TiB: Final = 1024**4

PAGE: Final = 4096  # x86-64 and most arm64 kernels; getconf PAGESIZE

_STEPS: Final = (
    ("EiB", TiB * 1024**2, 10 * TiB * 1024**2), ("PiB", TiB * 1024, 10 * TiB * 1024), ("TiB", TiB, 10 * TiB),
    ("GiB", GiB, GiB), ("MiB", MiB, MiB), ("KiB", KiB, KiB),
)  # fmt: skip
_GIVEN = re.compile(r"\s*([0-9]{1,18}(?:\.[0-9]{1,18})?)\s*([kmgtKMGT]?)(?:i?[bB])?\s*")
_FACTORS = {"": 1, "k": KiB, "m": MiB, "g": GiB, "t": TiB}


def human(size: Number) -> str:
    """`size` bytes as people read them: B below 1 KiB, KiB below 1 MiB, MiB below 1 GiB, GiB below 10 TiB, one decimal.

    What no machine has is told in TiB, PiB and EiB, each from 10 on.
    An array has no single size: it is called one.
    """
    if getattr(size, "shape", ()):
        return "an array"
    size = cast("float", size)
    if math.isinf(size):
        return "no limit" if size > 0 else "-no limit"
    sign, size = ("-", -size) if size < 0 else ("", size)
    for unit, step, least in _STEPS:
        if size >= least:
            return f"{sign}{size / step:,.1f} {unit}"
    return f"{sign}{int(size)} B"


def bytes_given(text: str | int, name: str) -> int:
    """Whole bytes of a size given to this tool: `16G`, `512 MiB`, `1.5g`, `4096`; base 1024.

    Raises BadValue for anything else. Rounds a fraction down to a whole byte.
    """
    if isinstance(text, int):
        return text
    match = _GIVEN.fullmatch(text)
    if match is None:
        raise BadValue(name, text, accepts="a size such as 512M, 16G or 17179869184")
    whole, _, fraction = match[1].partition(".")
    factor = _FACTORS[match[2].lower()]
    return int(whole) * factor + int(int(fraction or 0) * factor // 10 ** len(fraction))
