"""Draws the pictures of these pages, and tells whether one is stale: `python docs/make_pictures.py [--check]`.

What a picture shows is kept in words inside the file (the PNG text `Description`), so that a fresh picture can be told
from a stale one without comparing pixels, which differ from one release of matplotlib to the next.
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import capacity
from capacity.bill import Bill
from capacity.plots import finding
from capacity.shares import of_bills
from capacity.units import human

HERE = Path(__file__).parent
PICTURES = {"incident.png": "incident-before"}


def bill_of(picture: str) -> Bill:
    """The bill that a picture shows: the reachable one of a shipped example."""
    return capacity.read_host(capacity.example(PICTURES[picture])).bill()


def alternative(picture: str) -> str:
    """The picture in one sentence, for who cannot see it."""
    return finding(bill_of(picture))


def description(picture: str) -> str:
    """What the picture shows, every part with its bytes; kept in the file."""
    bill = bill_of(picture)
    parts = [f"{share.name} {human(share.bytes)}" for share in of_bills([bill])[0]]
    return f"{finding(bill)}. {', '.join(parts)}."


def kept(path: Path) -> str:
    """The words that a PNG file keeps under `Description`; empty where it has none."""
    data = path.read_bytes() if path.is_file() else b""
    at = 8  # a signature of 8 bytes; then chunks of length, type, body and check sum (PNG specification, 5.3)
    while at + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        name, _, text = data[at + 8 : at + 8 + length].partition(b"\0")
        if kind == b"tEXt" and name == b"Description":
            return text.decode("latin-1")
        at += 12 + length
    return ""


def stale() -> list[str]:
    """The pictures that do not show what the tool says now."""
    return [name for name in PICTURES if kept(HERE / name) != description(name)]


def draw(name: str) -> None:
    """Writes one picture."""
    axes = bill_of(name).plot()
    words = {"Description": description(name)}
    axes.figure.savefig(HERE / name, dpi=100, facecolor="white", bbox_inches="tight", pad_inches=0.2, metadata=words)


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit("\n".join(f"docs/{name} is stale" for name in stale()) or 0)
    for name in PICTURES:
        draw(name)
