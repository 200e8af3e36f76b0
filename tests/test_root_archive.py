"""Archives: the same answers as the folder in every form, tar's dialects, and archives made to hurt."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.errors import CapacityError, Missing, NotReadable, TooLarge
from capacity.root import Root, archive, base, open_root, stream

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "tar": bytes, "gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, format=lzma.FORMAT_ALONE),
}  # fmt: skip


class Pipe(io.RawIOBase):
    """A stream that gives a few bytes at a time and cannot seek, as `ssh host tar | capacity check -`."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = piece
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def piped(data: bytes, step: int = 777) -> BinaryIO:
    """`data` as a stream that cannot seek."""
    return Pipe(data[at : at + step] for at in range(0, len(data), step))  # type: ignore[return-value]


def member(name: str, data: bytes = b"", **more: Any) -> tuple[tarfile.TarInfo, bytes]:
    """A member to be written; `more` are fields of TarInfo."""
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), 0o644
    for field, value in more.items():
        setattr(info, field, value)
    return info, data


def folder(name: str, **more: Any) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, type=tarfile.DIRTYPE, mode=0o755, **more)


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, type=kind, linkname=target, mode=0o777)


def tar(*members: tuple[tarfile.TarInfo, bytes], format: int = tarfile.GNU_FORMAT) -> bytes:
    """An archive of these members, with its end mark."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as writing:
        for info, data in members:
            writing.addfile(info, io.BytesIO(data))
    return out.getvalue()


def read(*members: tuple[tarfile.TarInfo, bytes]) -> Root:
    """The root of an archive of these members."""
    return open_root("-", io.BytesIO(tar(*members)))


# ------------------------------------------------------------------------------------------------ the forms agree

COMPONENT = st.sampled_from(["etc", "a", "b.conf", ".x", "é", "\udcff", "c d"])
LINK = st.lists(COMPONENT | st.sampled_from(["..", "."]), min_size=1, max_size=4).map("/".join)
LEAF = (
    st.tuples(st.just("file"), st.binary(max_size=20) | LINK.map(lambda path: os.fsencode(f"/{path}")))
    | st.tuples(st.just("link"), LINK | LINK.map(lambda path: f"/{path}"))
    | st.tuples(st.just("hard"), st.integers(0, 5))
    | st.tuples(st.just("fifo"), st.none())
)
TREE = st.recursive(LEAF, lambda inner: st.dictionaries(COMPONENT, inner, max_size=4), max_leaves=14)
MODES = st.lists(st.sampled_from([0o644, 0o600, 0o640, 0o755, 0o711, 0o4750]), min_size=8, max_size=8)


def grow(top: str, tree: dict[str, Any], modes: list[int], files: list[str]) -> None:
    """The tree on disk; hard links lead to files made before them."""
    for at, (name, what) in enumerate(tree.items()):
        path = f"{top}/{name}"
        if isinstance(what, dict):
            os.mkdir(path)
            grow(path, what, modes[1:] + modes[:1], files)
            os.chmod(path, modes[at] | 0o700)
        elif what[0] == "link":
            os.symlink(what[1], path)
        elif what[0] == "hard" and files:
            os.link(files[what[1] % len(files)], path)
        elif what[0] == "fifo":
            os.mkfifo(path, 0o600)
        else:
            Path(path).write_bytes(what[1] if isinstance(what[1], bytes) else b"x")
            os.chmod(path, modes[at])
            files.append(path)


def told(question: Callable[[str], Any], path: str) -> Any:
    """An answer, or the error's kind and text."""
    try:
        return question(path)
    except CapacityError as error:
        return type(error).__name__, str(error)


def everything(root: Root, paths: list[str]) -> list[Any]:
    """What a root answers on every path of its own tree and on the paths given."""
    answers: list[Any] = [root.owners_known]
    waiting = ["/", *paths]
    for path in waiting:
        questions = (root.kind, root.names, root.resolve, root.read, root.status, root.glob)
        answers.append([path, *(told(question, path) for question in questions)])
        answers.append([root.readable_by(path, uid, frozenset({uid})) for uid in (0, 33, os.getuid())])
        if root.kind(path) == "dir" and root.resolve(path) == path and path not in paths:
            waiting += [f"{path.rstrip('/')}/{name}" for name in root.names(path)]
    answers += [root.glob("/*/*"), root.glob("/*/.*"), root.flattened, root.denied]
    return answers


ASKED = st.lists(
    st.lists(COMPONENT | st.sampled_from(["..", "", "*"]), min_size=1, max_size=5).map(lambda p: "/" + "/".join(p))
)


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(COMPONENT, TREE, min_size=1, max_size=5), MODES, ASKED, st.sampled_from([0, 1, 2]))
def test_folder_archives_and_stream_give_the_same_answers(
    tree: dict[str, Any], modes: list[int], paths: list[str], form: int
) -> None:
    with tempfile.TemporaryDirectory(prefix="forms") as top:
        os.mkdir(f"{top}/tree")
        grow(f"{top}/tree", tree, modes, [])
        expected = everything(open_root(f"{top}/tree"), paths)
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w", format=form) as writing:
            writing.add(f"{top}/tree", ".")
        for name, pack in PACKERS.items():
            packed = pack(data.getvalue())
            Path(f"{top}/archive.{name}").write_bytes(packed)
            assert everything(open_root(f"{top}/archive.{name}"), paths) == expected, name
            assert everything(open_root("-", piped(packed)), paths) == expected, f"{name} on a pipe"


@pytest.mark.parametrize(
    "flags", ["--format=gnu", "--format=posix", "--format=ustar", "--format=oldgnu", "--format=v7"]
)
def test_what_gnu_tar_writes_is_read_as_it_stood(tmp_path: Path, flags: str) -> None:
    top = tmp_path / "tree"
    names = ["n" * 60, "é" * 20] if flags.endswith(("ustar", "v7")) else ["n" * 200, "é" * 100, "\udcff\udcfe"]
    for part in ("etc/deep/er", "var"):
        (top / part).mkdir(parents=True)
    for name in names:
        (top / "etc" / name).write_bytes(os.fsencode(name))
        (top / "etc/deep" / name).symlink_to(f"../{name}")
        (top / "etc/deep/er" / name).hardlink_to(top / "etc" / name)
    made = subprocess.run(["tar", "-C", str(top), flags, "-cf", "-", "."], capture_output=True, check=True).stdout
    paths = [f"/etc{below}/{name}" for name in names for below in ("", "/deep", "/deep/er")]
    assert everything(open_root("-", piped(made)), paths) == everything(open_root(top), paths)


# ------------------------------------------------------------------------------------------------ names and links


def test_member_names_begin_at_the_root() -> None:
    root = read(
        member("./etc/a", b"1"), member("etc/b", b"2"), member("/etc/c", b"3"), member("etc//d/", b"", type=b"5")
    )
    assert root.names("/etc") == ["a", "b", "c", "d"]
    assert [root.read(f"/etc/{name}") for name in "abc"] == [b"1", b"2", b"3"]


def test_names_that_climb_are_held_inside(tmp_path: Path) -> None:
    root = read(
        member("../../etc/passwd", b"1"), member("/../x", b"2"), member("a/../../../y", b"3"), member("..", b"4")
    )
    assert root.names("/") == ["etc", "x", "y"]
    assert [root.read(path) for path in ("/etc/passwd", "/x", "/y")] == [b"1", b"2", b"3"]
    assert os.listdir(tmp_path) == []


def test_of_two_members_of_one_name_the_last_counts() -> None:
    root = read(
        member("etc/a", b"old"), link("etc/b", "a"), member("./etc/a", b"new"), member("etc/b", b"file"), folder("v")
    )
    assert root.read("/etc/a") == b"new"
    assert root.read("/etc/b") == b"file"
    assert root.names("/etc") == ["a", "b"]


def test_folders_that_no_member_names_are_there() -> None:
    root = read(member("etc/php/8.3/fpm/pool.d/www.conf", b"x", uid=1000), member("var/x", uid=1000))
    assert root.names("/etc/php") == ["8.3"]
    assert root.status("/etc/php").mode == 0o755
    assert root.owners_known is False  # the folders are assumed to be root's, and prove nothing


def test_links_of_members_resolve_inside() -> None:
    root = read(
        link("etc/out", "/etc/passwd"), link("etc/up", "../../../../etc/passwd"), link("etc/loop", "loop"),
        link("etc/empty", ""), member("etc/passwd", b"inside"), folder("var"),
    )  # fmt: skip
    assert root.read("/etc/out") == root.read("/etc/up") == b"inside"
    assert root.kind("/etc/loop") == "loop"
    assert root.kind("/etc/empty") == "dangling"


def test_a_member_under_a_link_stands_where_the_link_leads() -> None:
    """`tar -c lib lib/systemd` on a host whose /lib is a link; and the attack that unpacks through a link."""
    root = read(
        folder("usr"), folder("usr/lib"), link("lib", "usr/lib"), member("lib/systemd/x.service", b"unit"),
        link("evil", "/etc"), member("evil/passwd", b"planted"), link("round", "round"), member("round/x", b"r"),
        link("far", "/not/yet"), member("far/x", b"f"), member("file", b"text"), member("file/x", b"below a file"),
    )  # fmt: skip
    assert root.read("/usr/lib/systemd/x.service") == root.read("/lib/systemd/x.service") == b"unit"
    assert root.read("/etc/passwd") == b"planted"
    assert root.read("/round/x") == b"r"
    assert root.read("/not/yet/x") == b"f"
    assert root.read("/file/x") == b"below a file"


def test_hard_links_repeat_their_member() -> None:
    root = read(
        member("etc/a", b"text", mode=0o600, uid=7), link("etc/b", "./etc/a", tarfile.LNKTYPE), link("etc/s", "a"),
        link("etc/t", "etc/s", tarfile.LNKTYPE), link("etc/lost", "etc/none", tarfile.LNKTYPE), folder("var"),
        link("etc/d", "var", tarfile.LNKTYPE),
    )  # fmt: skip
    assert root.read("/etc/b") == root.read("/etc/t") == b"text"
    assert root.status("/etc/b") == root.status("/etc/a")
    assert root.kind("/etc/lost") == "file"
    with pytest.raises(NotReadable, match=r"^/etc/lost: a hard link to etc/none, which is not in the archive$"):
        root.read("/etc/lost")
    with pytest.raises(NotReadable, match="a hard link to var"):
        root.read("/etc/d")


def test_devices_and_fifos_are_other_and_hold_nothing() -> None:
    kinds = (tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)
    root = read(
        *(member(f"dev/{at}", type=kind, devmajor=1, devminor=1) for at, kind in enumerate(kinds)), folder("etc")
    )
    for path in root.glob("/dev/*"):
        assert root.kind(path) == "other"
        with pytest.raises(NotReadable, match="not a regular file"):
            root.read(path)


def test_one_top_folder_that_holds_a_host_is_the_root() -> None:
    sos = [folder("sosreport-web7"), folder("sosreport-web7/etc"), member("sosreport-web7/etc/x", b"1")]
    for members in (sos, sos[2:], [folder("."), *sos], [member("./web7/proc/meminfo", b"1"), link("web7/free", "x")]):
        assert read(*members).names("/")[0] in ("etc", "free")
    hard = link("sosreport-web7/etc/y", "sosreport-web7/etc/x", tarfile.LNKTYPE)
    assert read(*sos, hard).read("/etc/y") == b"1"
    assert read(*sos, member("README")).names("/") == ["README", "sosreport-web7"]
    assert read(member("usr/etc/x")).names("/") == ["usr"]
    assert read(member("web7/data/x")).names("/") == ["web7"]
    assert read(member("web7/etc")).names("/") == ["web7"]


def test_flattened_links_in_an_archive() -> None:
    root = read(
        member("etc/my.cnf", b"/etc/a/my.cnf"),
        member("etc/a/my.cnf", b"/etc/m.cnf"),
        member("etc/m.cnf", b"[x]"),
        folder("v"),
    )
    assert root.read("/etc/my.cnf") == b"[x]"
    assert root.flattened == ("/etc/a/my.cnf", "/etc/my.cnf")


def test_large_owners_and_modes() -> None:
    root = open_root("-", io.BytesIO(tar(member("etc/a", mode=0o104755, uid=3_000_000, gid=2**31), folder("v"))))
    assert root.status("/etc/a") == base_status(0o4755, 3_000_000, 2**31)
    posix = tar(member("etc/a", mode=0o644, uid=3_000_000), folder("v"), format=tarfile.PAX_FORMAT)
    assert open_root("-", io.BytesIO(posix)).status("/etc/a") == base_status(0o644, 3_000_000, 0)


def base_status(mode: int, uid: int, gid: int) -> base.Status:
    return base.Status(mode, uid, gid, 0, "file")


# ------------------------------------------------------------------------------------------------ files with holes


@pytest.mark.parametrize(
    "flags",
    [["--format=gnu"], *(["--format=posix", f"--sparse-version={version}"] for version in ("0.0", "0.1", "1.0"))],
)
@pytest.mark.parametrize("pieces", [1, 3, 60])
def test_files_with_holes_are_whole(tmp_path: Path, flags: list[str], pieces: int) -> None:
    (tmp_path / "tree/etc").mkdir(parents=True)
    (tmp_path / "tree/var").mkdir()
    holes = tmp_path / "tree/etc/holes"
    with open(holes, "wb") as file:
        for at in range(pieces):
            file.seek(at * 131072 + 65536)
            file.write(b"data%d" % at)
        file.truncate(pieces * 131072 + 5)
    (tmp_path / "tree/var/after").write_bytes(b"next")
    made = subprocess.run(
        ["tar", "-C", str(tmp_path / "tree"), "-cS", *flags, "-f", "-", "."], capture_output=True, check=True
    )
    root = open_root("-", piped(made.stdout))
    assert len(made.stdout) < holes.stat().st_size  # it did store holes
    assert root.read("/etc/holes") == holes.read_bytes()
    assert root.read("/var/after") == b"next"


@pytest.mark.parametrize("flags", [["--format=gnu"], ["--format=posix"]])
def test_a_gibibyte_of_hole_is_known_and_not_read(tmp_path: Path, flags: list[str]) -> None:
    (tmp_path / "tree/etc").mkdir(parents=True)
    (tmp_path / "tree/var").mkdir()
    with open(tmp_path / "tree/etc/hole", "wb") as file:
        file.truncate(1 << 30)
    made = subprocess.run(
        ["tar", "-C", str(tmp_path / "tree"), "-cS", *flags, "-f", "-", "."], capture_output=True, check=True
    )
    assert len(made.stdout) < 1 << 20
    root = open_root("-", piped(made.stdout))
    assert root.status("/etc/hole").size == 1 << 30
    with pytest.raises(TooLarge, match=f"more than {base.MAX_FILE} bytes"):
        root.read("/etc/hole")


# ------------------------------------------------------------------------------------------------ limits


def test_a_member_past_the_limit_is_known_and_not_read() -> None:
    root = read(member("etc/over", bytes(base.MAX_FILE + 1)), member("etc/full", b"x" * base.MAX_FILE), folder("var"))
    assert root.status("/etc/over").size == base.MAX_FILE + 1
    assert root.read("/etc/full") == b"x" * base.MAX_FILE
    with pytest.raises(TooLarge, match=f"^/etc/over: more than {base.MAX_FILE} bytes$"):
        root.read("/etc/over")


def test_past_what_is_kept_programs_go_first_and_then_the_largest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_KEPT", 10_000)
    root = read(
        member("etc/small", b"x" * 100), member("var/log", b"x" * 6000), member("usr/lib.so", b"\0" + b"x" * 1000),
        member("etc/middle", b"x" * 3000), member("usr/bin.so", b"\0" + b"x" * 2000),
    )  # fmt: skip
    assert len(root.read("/var/log")) == 6000
    assert len(root.read("/etc/middle")) == 3000
    for path in ("/usr/lib.so", "/usr/bin.so"):
        assert root.kind(path) == "file"
        with pytest.raises(TooLarge, match="not kept: the archive holds more than 10000 bytes"):
            root.read(path)
    root = read(*(member(f"etc/{at}", b"x" * 1000 * at) for at in (1, 2, 3, 4, 5)))
    assert [told(root.read, f"/etc/{at}")[:1] == ("TooLarge",) for at in (1, 2, 3, 4, 5)] == [False] * 4 + [True]


@pytest.mark.parametrize(
    ("where", "limit", "value", "message"),
    [
        (archive, "MAX_MEMBERS", 5, "more than 5 members"),
        (archive, "MAX_NAMES", 50, "names of more than 50 bytes together"),
        (stream, "MAX_STREAM", 4096, "to read through"),
        (stream, "MAX_STEPS", 20, "more headers"),
    ],
)
def test_limits(monkeypatch: pytest.MonkeyPatch, where: Any, limit: str, value: int, message: str) -> None:
    monkeypatch.setattr(where, limit, value)
    with pytest.raises(TooLarge, match=f"^standard input: .*{message}"):
        open_root("-", piped(tar(*(member(f"etc/{'n' * 120}{at}", b"x") for at in range(10)))))


def test_implied_folders_count_as_members(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_MEMBERS", 50)
    with pytest.raises(TooLarge, match="more than 50 members"):
        read(member("/".join("abcdefghij" * 6), b"x"))


def raw_header(name: str, size: int, kind: bytes = b"0") -> bytes:
    """A header alone."""
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


def test_extended_headers_are_limited() -> None:
    for kind in (b"L", b"K", b"x", b"g"):
        with pytest.raises(TooLarge, match="an extended header of 1073741824 bytes"):
            open_root("-", piped(raw_header("x", 1 << 30, kind) + bytes(4096)))
    with pytest.raises(TooLarge, match="a name of more than 4096 bytes"):
        read(member("x/" * 3000, b""))
    with pytest.raises(TooLarge, match="a link to a name of more than 4096 bytes"):
        read(link("x", "y" * 5000))


def test_a_file_continued_from_another_volume_is_known_and_not_read() -> None:
    data = raw_header("etc/x", 600, b"M") + bytes(1024) + tar(member("etc/y", b"next"), folder("v"))
    root = open_root("-", piped(data))
    assert root.read("/etc/y") == b"next"
    with pytest.raises(NotReadable, match=r"^/etc/x: continued from another volume$"):
        root.read("/etc/x")


IN_OWN_PROCESS = """
import json, sys
from capacity.errors import CapacityError
from capacity.root import open_root
try:
    said = sorted(open_root(sys.argv[1])._tree)[:5]
except CapacityError as error:
    said = [type(error).__name__, str(error)]
with open("/proc/self/status") as status:
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
print(json.dumps([said, peak]))
"""


def alone(path: Path) -> tuple[list[str], int]:
    """What opening an archive says, and the most memory (bytes) that the process held for it."""
    package = str(Path(base.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", IN_OWN_PROCESS, str(path)], capture_output=True, check=True,
        env={**os.environ, "PYTHONPATH": package}, timeout=60,
    )  # fmt: skip
    said, peak = json.loads(done.stdout)
    return said, peak * 1024


def bomb(kind: str) -> Iterator[bytes]:
    """Ten GiB of zeros in one member, as packed streams one after another."""
    pack = {
        "gz": lambda data: gzip.compress(data, 6, mtime=0),
        "xz": lambda data: lzma.compress(data, preset=0),
        "bz2": bz2.compress,
    }[kind]
    yield pack(raw_header("etc/zeros", 10 << 30))
    zeros = pack(bytes(64 << 20))
    for _ in range(160):
        yield zeros


def many_headers(count: int) -> Iterator[bytes]:
    """Empty members of different names; the sum is made right by hand, for speed."""
    blank = bytearray(raw_header("etc/conf.d/0000000", 0))
    at = blank.index(b"0000000")
    blank[148:156] = b" " * 8
    zero = sum(blank)
    for number in range(count):
        digits = b"%07d" % number
        blank[at : at + 7] = digits
        blank[148:156] = b"%06o\0 " % (zero + sum(digits) - 7 * 48)
        yield bytes(blank)


MEMORY = 300 << 20  # bytes


@pytest.mark.parametrize("kind", ["gz", "xz", "bz2"])
def test_ten_gibibytes_of_zeros_end_early(tmp_path: Path, kind: str) -> None:
    with open(tmp_path / "bomb", "wb") as file:
        file.writelines(bomb(kind))
    assert (tmp_path / "bomb").stat().st_size < 12 << 20
    said, peak = alone(tmp_path / "bomb")
    assert said[0] == "TooLarge"
    assert "unpacks to more than 200 times its size" in said[1]
    assert peak < MEMORY


def test_bz2_in_one_stream_is_unpacked_in_small_steps(tmp_path: Path) -> None:
    """A kilobyte of bzip2 is a GiB of zeros: one careless step would hold it whole."""
    packer = bz2.BZ2Compressor()
    with open(tmp_path / "bomb", "wb") as file:
        file.write(packer.compress(raw_header("etc/zeros", 192 << 20)))
        for _ in range(12):
            file.write(packer.compress(bytes(16 << 20)))
        file.write(packer.flush())
    said, peak = alone(tmp_path / "bomb")
    assert said[0] == "TooLarge"
    assert peak < 100 << 20


def test_ten_gibibytes_that_are_only_announced(tmp_path: Path) -> None:
    """A plain archive with a hole in the file system: passed over where the source can seek."""
    with open(tmp_path / "plain", "wb") as file:
        file.write(raw_header("etc/zeros", 10 << 30))
        file.truncate(512 + (10 << 30) + 1024)
    said, peak = alone(tmp_path / "plain")
    assert said == ["", "/etc", "/etc/zeros"]
    assert peak < 100 << 20
    with open(tmp_path / "plain", "r+b") as file:
        file.truncate(9 << 30)
    said, _ = alone(tmp_path / "plain")
    assert said[0] == "NotReadable"
    assert "cut short" in said[1]


def test_three_hundred_thousand_members_end_early(tmp_path: Path) -> None:
    with open(tmp_path / "many", "wb") as file:
        file.writelines(many_headers(300_000))
    said, peak = alone(tmp_path / "many")
    assert said[0] == "TooLarge"
    assert f"more than {archive.MAX_MEMBERS} members" in said[1]
    assert peak < MEMORY


def test_as_many_members_as_may_be_are_read(tmp_path: Path) -> None:
    with open(tmp_path / "many", "wb") as file:
        file.writelines(many_headers(archive.MAX_MEMBERS - 2))
        file.write(bytes(1024))
    said, peak = alone(tmp_path / "many")
    assert said[:3] == ["", "/etc", "/etc/conf.d"]
    assert peak < MEMORY


def test_packed_streams_without_content_end(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(zlib.compress(b"", wbits=31) * (stream.MAX_PARTS + 10))
    said, _ = alone(tmp_path / "empty")
    assert said[0] == "TooLarge"
    assert "packed streams one after another" in said[1]


def test_holes_count_as_bytes_that_came_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A thousand small members that each say they are 16 MiB would be gigabytes of zeros to make."""
    (tmp_path / "tree").mkdir()
    with open(tmp_path / "tree/hole", "wb") as file:
        file.truncate(base.MAX_FILE)
    made = subprocess.run(
        ["tar", "-C", str(tmp_path / "tree"), "-cSf", "-", "hole"], capture_output=True, check=True
    ).stdout
    monkeypatch.setattr(stream, "FREE", 32 << 20)
    with pytest.raises(TooLarge, match="unpacks to more than 200 times its size"):
        open_root("-", piped(made[:1024].rstrip(b"\0").ljust(512, b"\0") * 20 + bytes(1024)))


# ------------------------------------------------------------------------------------------------ what is no archive


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (bytes(10240), "an archive without members"),
        (b"[mysqld]\n" * 200, "not a tar archive"),
        (b"x", "not a tar archive"),
        (gzip.compress(b"[mysqld]\n" * 200, mtime=0), "not a tar archive"),
        (gzip.compress(b"", mtime=0), "not a tar archive"),
        (b"\x1f\x8b", "cut short"),
        (b"\x1f\x8b" + b"x" * 100, "damaged gzip data"),
        (b"BZh9" + b"x" * 100, "damaged bzip2 data"),
        (b"\xfd7zXZ\0" + b"x" * 100, "damaged xz data"),
        (b"\x28\xb5\x2f\xfd" + bytes(100), "zstd cannot be read here"),
        (b"PK\x03\x04" + bytes(100), "zip cannot be read here"),
    ],
)
def test_what_is_no_archive_says_so_in_one_line(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "it"
    path.write_bytes(data)
    for source, stdin in ((str(path), None), ("-", piped(data))):
        with pytest.raises(NotReadable, match=message) as caught:
            open_root(source, stdin)
        assert str(caught.value).startswith(f"{'standard input' if source == '-' else path}: ")
        assert "\n" not in str(caught.value)


WHOLE = tar(member("etc/a", b"x" * 700), member("n" * 150, b"y"), link("etc/l", "z" * 150), folder("var"))
END_MARK = len(WHOLE.rstrip(b"\0")) // 512 * 512 + 512  # the last header ends here


@pytest.mark.parametrize("kind", PACKERS)
def test_an_archive_that_was_cut_is_refused_wherever_it_was_cut(kind: str) -> None:
    packed = PACKERS[kind](WHOLE[: END_MARK + 1024])
    ends = range(1, END_MARK, 64) if kind == "tar" else range(1, len(packed))
    for end in ends:
        with pytest.raises(NotReadable) as caught:
            open_root("-", io.BytesIO(packed[:end]))
        assert not isinstance(caught.value, TooLarge)
    assert open_root("-", io.BytesIO(packed)).names("/") == ["etc", "n" * 150, "var"]


def test_an_archive_that_was_cut_is_refused_on_disk_too(tmp_path: Path) -> None:
    whole = tar(member("etc/a", bytes(2 * stream.CHUNK)), member("etc/big", bytes(base.MAX_FILE + 5)), folder("var"))
    for end in (1000, 2 * stream.CHUNK, 4 * stream.CHUNK, base.MAX_FILE, len(whole.rstrip(b"\0")) - 300):
        (tmp_path / "cut").write_bytes(whole[:end])
        with pytest.raises(NotReadable, match="cut short"):
            open_root(tmp_path / "cut")


@settings(deadline=None, max_examples=300)
@given(st.integers(0, 2**32), st.sampled_from(sorted(PACKERS)), st.sampled_from([0, 1, 2]), st.integers(1, 12))
def test_damage_gives_a_root_or_an_error_of_ours(seed: int, kind: str, form: int, blows: int) -> None:
    chance = random.Random(seed)
    infos = [
        member("etc/a", b"x" * 700),
        member("é" * 30 + "/" + "x" * 60, b"y", uid=2**20 if form else 5),
        link("etc/l", "/etc/a"),
        folder("v"),
    ]
    data = bytearray(tar(*infos, link("etc/h", "etc/a", tarfile.LNKTYPE), format=form))
    packed = bytearray(PACKERS[kind](bytes(data)))
    for _ in range(blows):
        at = chance.randrange(len(packed))
        packed[at] = chance.choice((0, 32, 48, 55, 120, 128, 255, chance.randrange(256)))
    if kind == "tar" and chance.random() < 0.7:  # sums made right, so that the damage gets further in
        for at in range(0, len(packed), 512):
            if packed[at + 257 : at + 262] == b"ustar":
                packed[at + 148 : at + 156] = b" " * 8
                packed[at + 148 : at + 156] = b"%06o\0 " % sum(packed[at : at + 512])
    try:
        root = open_root("-", io.BytesIO(bytes(packed)))
    except CapacityError as error:
        said = str(error)
    else:
        said = str(everything(root, ["/etc/a", "/etc/h"])[1:3])
    assert said
    assert "\n" not in said


def test_a_damaged_packed_archive_is_found_out_by_its_checksum() -> None:
    data = bytearray(tar(member("etc/my.cnf", b"max_connections = 151\n"), folder("var")))
    for pack in (lambda plain: gzip.compress(plain, 0), lambda plain: lzma.compress(plain, check=lzma.CHECK_CRC32)):
        packed = bytearray(pack(bytes(data)))
        at = packed.find(b"151")
        if at < 0:
            at = len(packed) // 2
        packed[at] ^= 8
        with pytest.raises(NotReadable, match="damaged"):
            open_root("-", io.BytesIO(bytes(packed)))


def test_bytes_after_the_end_are_ignored() -> None:
    plain = tar(member("etc/a", b"1"), folder("var"))
    for packed in (gzip.compress(plain) + bytes(1000), gzip.compress(plain) + b"garbage", plain + b"garbage" * 1000):
        assert open_root("-", piped(packed)).read("/etc/a") == b"1"


# ------------------------------------------------------------------------------------------------ sources


def test_standard_input_is_the_process_s_own_by_default(tmp_path: Path) -> None:
    code = "from capacity.root import open_root; root = open_root('-'); print(root.name, root.live, root.names('/etc'))"
    package = str(Path(base.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code], input=gzip.compress(tar(member("etc/a"), folder("v"))), capture_output=True,
        check=True, cwd=tmp_path, env={**os.environ, "PYTHONPATH": package},
    )  # fmt: skip
    assert done.stdout == b"standard input False ['a']\n"
    assert os.listdir(tmp_path) == []


def test_a_terminal_is_refused() -> None:
    upper, lower = os.openpty()
    with (
        os.fdopen(upper, "rb", buffering=0),
        os.fdopen(lower, "rb", buffering=0) as terminal,
        pytest.raises(NotReadable, match="a terminal; expected a tar archive"),
    ):
        open_root("-", terminal)  # type: ignore[arg-type]


def test_a_named_pipe_is_read_as_a_stream(tmp_path: Path) -> None:
    """`capacity check <(ssh host tar ...)`."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "data").write_bytes(tar(member("etc/a", b"1"), folder("v")))
    with subprocess.Popen(["cp", str(tmp_path / "data"), "/dev/stdout"], stdout=subprocess.PIPE) as sender:
        assert sender.stdout is not None
        assert open_root(f"/dev/fd/{sender.stdout.fileno()}").read("/etc/a") == b"1"


def test_the_archive_is_closed_and_the_folder_untouched(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(tar(member("etc/a", b"1"), folder("v")))
    before = len(os.listdir("/proc/self/fd"))
    root = open_root(tmp_path / "a.tar")
    assert len(os.listdir("/proc/self/fd")) == before
    shutil.move(tmp_path / "a.tar", tmp_path / "b.tar")
    assert root.read("/etc/a") == b"1"
    with pytest.raises(Missing, match=r"^/etc/b: no such file or directory$"):
        root.read("/etc/b")
