"""Sizes as nginx writes them (src/core/ngx_parse.c; held against nginx 1.22 in tests/real/test_nginx_reader.py)."""

from __future__ import annotations

from typing import Final

LARGEST: Final = 2**63 - 1  # NGX_MAX_SIZE_T_VALUE, NGX_MAX_OFF_T_VALUE on 64 bits
_SCALES: Final = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def nginx_size(text: str, *, file_size: bool = False) -> int | None:
    """Bytes of a size: decimal digits and `k` or `m` in either case, `g` only where a `file_size` is meant
    (client_max_body_size, the max_size of a cache). None for what nginx refuses: a sign, a point, another unit, blanks,
    nothing, 2^63 and more.
    """
    unit = text[-1:].lower()
    scale = _SCALES.get(unit, 1) if text.isascii() and (unit != "g" or file_size) else 1
    digits = text[:-1] if scale > 1 else text
    if not (digits.isascii() and digits.isdigit()) or len(digits.lstrip("0")) > 19:
        return None
    size = int(digits[-19:]) * scale if digits.strip("0") else 0
    return size if size <= LARGEST else None
