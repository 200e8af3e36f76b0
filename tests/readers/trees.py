"""Trees of files for tests of readers: written under a temporary directory and opened as a Root."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from capacity.root import Root, open_root


def tree(place: Path, files: Mapping[str, str | bytes]) -> Root:
    """Files by absolute path in the host; text of the form `-> target` makes a link, None of it leaves `place`."""
    for path, content in files.items():
        file = place / path[1:]
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str) and content.startswith("-> "):
            file.symlink_to(content[3:])
        else:
            file.write_bytes(content.encode() if isinstance(content, str) else content)
    return open_root(place)
