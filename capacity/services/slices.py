"""Where systemd puts control groups (systemd.slice(5))."""

from __future__ import annotations


def slice_path(name: str) -> str:
    """The control group of a slice: `a-b.slice` lies in `a.slice`; that of the root slice is empty."""
    if name == "-.slice":
        return ""
    parts = name.removesuffix(".slice").split("-")
    return "".join(f"/{'-'.join(parts[: end + 1])}.slice" for end in range(len(parts)))
