"""Makes the example archives of the package from the trees beside this file: the same bytes at every run."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

TREES = Path(__file__).parent / "incident"
EXAMPLES = Path(__file__).parents[2] / "capacity" / "examples"
MEMBERS = {"incident-before": TREES / "before", "incident-after-first-fix": TREES / "after-first-fix"}


def archive(tree: Path) -> bytes:
    """A tar archive of `tree`, gzipped, with owner root, no times, and only the modes that git keeps."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(tree.rglob("*")):
            member = tar.gettarinfo(path, arcname=path.relative_to(tree).as_posix())
            member.uid = member.gid = member.mtime = 0
            member.uname = member.gname = "root"
            member.mode = 0o755 if path.is_dir() or member.mode & 0o100 else 0o644
            if path.is_file() and not path.is_symlink():
                with path.open("rb") as content:
                    tar.addfile(member, content)
            else:
                tar.addfile(member)
    return gzip.compress(raw.getvalue(), mtime=0)


def main() -> None:
    """Writes every example."""
    for name, tree in MEMBERS.items():
        (EXAMPLES / f"{name}.tar.gz").write_bytes(archive(tree))


if __name__ == "__main__":
    main()
