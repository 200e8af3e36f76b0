"""Words and characters: how a verdict is said, and how hostile text is made harmless on every face."""

from __future__ import annotations

import math
import re
from typing import Final

from capacity.arithmetic import Number
from capacity.bill import Bill, Verdict
from capacity.host import Host
from capacity.units import human

# C0, C1, DEL, line and paragraph separators, bidi controls, zero-width characters, lone surrogates: text of a
# configuration may not move a cursor, turn a line round or end one.
_HOSTILE = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff\ud800-\udfff]"
)
SENTENCES: Final[dict[Verdict, str]] = {
    "over": "can run out of memory",
    "unlimited": "can run out of memory: something here has no limit",
    "unknown": "cannot be judged: something that matters is not known",
    "swaps": "needs its swap at the worst",
    "tight": "fits, above the alert line",
    "fits": "cannot run out of memory under its own limits",
}

BAD: Final[dict[Verdict, int]] = {"over": 4, "unlimited": 3, "swaps": 2, "tight": 1, "fits": 0, "unknown": 0}


def exit_code(verdict: Verdict, fail_on: Verdict = "tight") -> int:
    """0 fits, 1 does not fit, 2 could not say; `fail_on` is the mildest verdict that counts as not fitting."""
    if verdict == "unknown":
        return 2
    return 1 if BAD[verdict] >= BAD[fail_on] and BAD[verdict] else 0


def sanitize(text: str) -> str:
    """`text` on one line with every character that a terminal, a page or a log could obey shown as an escape; a tab is
    a blank.
    """
    return _HOSTILE.sub(lambda match: _escaped(match[0]), text.replace("\t", " "))


def _escaped(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file name that is no UTF-8 (surrogateescape)
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def amount(bill: Bill) -> str:
    """The worst case of a bill in words: `163.2 GiB`, `at least 12.0 GiB`, `no limit (24.0 GiB bounded)`."""
    total, bounded = bill.total, bill.bounded_total
    least = "at least " if bill.at_least else ""
    if isinstance(total, float) and math.isinf(total):
        return f"no limit ({least}{size(bounded)} bounded)"
    return f"{least}{size(total)}"


def size(value: object) -> str:
    """Bytes as people read them; a word for an array."""
    return human(value) if isinstance(value, (int, float)) else "an array"


def percent(part: Number, whole: Number) -> str:
    """`part` of `whole` as a whole percentage."""
    return f"{100 * part / whole:.0f} %" if whole else "-"


def ram(host: Host, bill: Bill) -> str:
    """The RAM and swap of a host in words."""
    memory = host.memory
    if bill.budget.unknown is not None:
        return "RAM is not known: give --memory"
    text = f"RAM {size(memory.mem_total)}, {size(bill.budget.total)} of it for programs"
    if memory.swap_total:
        used = f", {percent(memory.swap_used, memory.swap_total)} used" if memory.swap_used else ""
        text += f"; swap {size(memory.swap_total)}{used}"
    else:
        text += "; no swap"
    return text


def headline(host: Host, bill: Bill, longest: int = 64) -> str:
    """The verdict of a host in one sentence; its name in at most `longest` characters."""
    sentence = SENTENCES[bill.verdict]
    if bill.verdict == "tight":
        sentence = f"fits, above the alert line of {bill.alert} % of its RAM"
    if bill.verdict == "over" and isinstance(host.memory.mem_total, int) and host.memory.mem_total:
        times = bill.bounded_total / host.memory.mem_total
        if times >= 1.95:
            sentence += f": {times:.0f} times its RAM"
    name = sanitize(host.name)
    return f"{name if len(name) <= longest else name[: longest - 1] + '…'} {sentence}"
