"""The file layer on folders: links, flattened links, status, permissions, and what stands in the way of reading."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.errors import CapacityError, LinkLoop, Missing, NotReadable, TooLarge
from capacity.root import Root, Status, base, open_root

ROOT_GROUP = frozenset({0})


def grow(top: Path, tree: dict[str, Any]) -> Path:
    """A tree below `top`: bytes are a file, text is a link's target, a dict is a folder."""
    top.mkdir(exist_ok=True)
    for name, what in tree.items():
        if isinstance(what, dict):
            grow(top / name, what)
        elif isinstance(what, bytes):
            (top / name).write_bytes(what)
        else:
            (top / name).symlink_to(what)
    return top


# ------------------------------------------------------------------------------------------------ links


@pytest.fixture
def linked(tmp_path: Path) -> Root:
    """Links as hosts have them, and as attackers make them; `secret` lies beside the tree."""
    (tmp_path / "secret").write_bytes(b"outside")
    tree = {
        "etc": {
            "mysql": {"my.cnf": "/etc/alternatives/my.cnf", "mariadb.cnf": b"[mysqld]\n"},
            "alternatives": {"my.cnf": "/etc/mysql/mariadb.cnf"},
            "passwd": b"inside",
            "up": "../../../../../etc/passwd",
            "secret": "../../secret",
            "absolute": str(tmp_path / "secret"),
            "here": ".",
            "php": {"current": "8.3", "8.3": {"fpm": {"php-fpm.conf": b"[global]\n"}}},
            "loop": "loop",
            "ping": "/etc/pong",
            "pong": "ping",
            "gone": "/etc/nothing",
            "gone-below": "/etc/passwd/x",
            "slash": "/etc/passwd/",
            "top": "/",
        },
        "proc": {"self": "1", "1": {"root": "/", "cwd": "/etc", "comm": b"init\n"}},
    }
    return open_root(grow(tmp_path / "tree", tree))


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        ("/", "/"),
        ("/..", "/"),
        ("/../../etc/passwd", "/etc/passwd"),
        ("//etc/./here/here/passwd", "/etc/passwd"),
        ("etc/passwd", "/etc/passwd"),
        ("/etc/mysql/my.cnf", "/etc/mysql/mariadb.cnf"),
        ("/etc/up", "/etc/passwd"),
        ("/etc/php/current/fpm/php-fpm.conf", "/etc/php/8.3/fpm/php-fpm.conf"),
        ("/etc/php/current/../../passwd", "/etc/passwd"),
        ("/etc/top/etc/top/etc/passwd", "/etc/passwd"),
        ("/proc/self/comm", "/proc/1/comm"),
        ("/proc/self/root/etc/passwd", "/etc/passwd"),
        ("/proc/self/cwd/passwd", "/etc/passwd"),
        ("/etc/", "/etc"),
    ],
)
def test_links_and_dots_resolve_inside(linked: Root, path: str, canonical: str) -> None:
    assert linked.resolve(path) == canonical


@pytest.mark.parametrize(
    "path", ["/etc/secret", "/etc/absolute", "/../secret", "/etc/../../secret", "/etc/top/../secret"]
)
def test_nothing_outside_is_reached(linked: Root, path: str) -> None:
    assert linked.kind(path) in ("missing", "dangling")
    with pytest.raises(Missing):
        linked.read(path)


@pytest.mark.parametrize(
    ("kind", "paths"),
    [
        ("file", ["/etc/passwd", "/etc/up"]),
        ("dir", ["/etc", "/", "/etc/here/", "/etc/top/.."]),
        ("missing", ["", "/etc/none", "/etc/none/x", "/etc/passwd/x", "/etc/passwd/", "/etc/passwd/..", "/etc/gone/x"]),
        ("missing", ["/etc/\0", "/" + "x" * 300, "/x" * 5000, "/\udcff", "/\ud800"]),
        ("loop", ["/etc/loop", "/etc/ping", "/etc/loop/x", "/etc/loop/"]),
        ("dangling", ["/etc/gone", "/etc/gone/", "/etc/gone-below", "/etc/slash", "/etc/here/gone"]),
    ],
)
def test_kinds(linked: Root, kind: str, paths: list[str]) -> None:
    assert [linked.kind(path) for path in paths] == [kind] * len(paths)


def test_errors_name_the_path_that_was_asked_for(linked: Root) -> None:
    with pytest.raises(Missing, match=r"^/etc/gone: no such file or directory$"):
        linked.read("/etc/gone")
    with pytest.raises(LinkLoop, match=r"^/etc/loop: too many levels of symbolic links$"):
        linked.resolve("/etc/loop")
    with pytest.raises(Missing, match=r"^/etc/passwd/x: not a directory$"):
        linked.status("/etc/passwd/x")
    with pytest.raises(NotReadable, match=r"^/etc: is a directory$"):
        linked.read("/etc")
    with pytest.raises(NotReadable, match=r"^/etc/passwd: not a directory$"):
        linked.names("/etc/passwd")
    with pytest.raises(Missing):
        linked.names("/none")


def test_forty_links_are_followed_and_no_more(tmp_path: Path) -> None:
    tree: dict[str, Any] = {f"link{n}": f"/link{n - 1}" for n in range(1, 42)}
    root = open_root(grow(tmp_path / "tree", {**tree, "link0": b"end"}))
    assert root.read("/link40") == b"end"
    assert root.kind("/link41") == "loop"
    assert root.kind("/link41") == "loop"  # what was remembered of link40 changes nothing


def test_links_counted_through_a_remembered_folder(tmp_path: Path) -> None:
    """Thirty links lead to the folder and fifteen from a name in it: together too many, whatever was asked before."""
    tree: dict[str, Any] = {f"to{n}": f"/to{n - 1}" for n in range(1, 30)}
    inner: dict[str, Any] = {f"in{n}": f"in{n - 1}" for n in range(1, 15)}
    root = open_root(
        grow(tmp_path / "tree", {**tree, "to0": "/folder", "folder": {**inner, "in0": "end", "end": b"x"}})
    )
    assert root.kind("/to29") == "dir"
    assert root.kind("/to29/in14") == "loop"
    assert root.read("/to20/in14") == root.read("/folder/in14") == b"x"


NODES = st.sampled_from(["a", "b", "c", "d"])
TARGETS = (
    st.lists(st.sampled_from(["a", "b", "c", "d", "..", ".", ""]), min_size=1, max_size=4).map("/".join).filter(bool)
)
TREES = st.recursive(
    st.binary(max_size=3).map(lambda data: b"f" + data) | TARGETS | TARGETS.map(lambda target: "/" + target),
    lambda inner: st.dictionaries(NODES, inner, max_size=4),
    max_leaves=12,
)
PATHS = st.lists(st.sampled_from(["a", "b", "c", "d", "..", "."]), min_size=1, max_size=5).map(
    lambda parts: "/" + "/".join(parts)
)

IN_CHROOT = """
import json, os, sys
top, paths = sys.argv[1], json.loads(sys.argv[2])
os.chroot(top)
os.chdir("/")
answers = []
for path in paths:
    try:
        found = os.stat(path)
        folder = (found.st_mode & 0o170000) == 0o040000
        answers.append([found.st_ino, sorted(os.listdir(path)) if folder else open(path, "rb").read().hex()])
    except OSError as error:
        answers.append(error.errno)
print(json.dumps(answers))
"""


@pytest.mark.real
@settings(deadline=None, max_examples=60)
@given(st.dictionaries(NODES, TREES, min_size=2, max_size=4), st.lists(PATHS, min_size=5, max_size=30))
def test_paths_lead_where_the_kernel_goes_after_chroot(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[str, Any], paths: list[str]
) -> None:
    top = grow(tmp_path_factory.mktemp("chroot") / "tree", tree)
    answer = subprocess.run(
        [sys.executable, "-I", "-S", "-c", IN_CHROOT, str(top), json.dumps(paths)], capture_output=True, check=True
    )
    root = open_root(top)
    for path, expected in zip(paths, json.loads(answer.stdout)):
        try:
            inode = os.lstat(f"{top}{root.resolve(path)}").st_ino
            found = [inode, root.names(path) if root.kind(path) == "dir" else root.read(path).hex()]
            assert found == expected, path
        except LinkLoop:
            assert expected == 40, path  # ELOOP
        except Missing:
            assert expected in (2, 20), path  # ENOENT, ENOTDIR


# ------------------------------------------------------------------------------------------------ flattened links


def test_flattened_links_are_links_in_a_copied_tree(tmp_path: Path) -> None:
    root = open_root(grow(tmp_path / "tree", {
        "etc": {
            "my.cnf": b"/etc/alternatives/my.cnf",
            "alternatives": {"my.cnf": b"/etc/mariadb.cnf"},
            "mariadb.cnf": b"[mysqld]\n",
            "php": b"/etc/php8",
            "php8": {"php.ini": b"memory_limit=1G"},
            "really": "/etc/my.cnf",
        },
        "var": {},
    }))  # fmt: skip
    assert root.flattened == ()
    assert root.read("/etc/my.cnf") == b"[mysqld]\n"
    assert root.resolve("/etc/really") == "/etc/mariadb.cnf"
    assert root.status("/etc/my.cnf").size == len(b"[mysqld]\n")
    assert root.read("/etc/php/php.ini") == b"memory_limit=1G"
    assert root.names("/etc/php") == ["php.ini"]
    assert root.glob("/e*/p*/*.ini") == ["/etc/php/php.ini", "/etc/php8/php.ini"]
    assert root.flattened == ("/etc/alternatives/my.cnf", "/etc/my.cnf", "/etc/php")


@pytest.mark.parametrize(
    "text",
    [
        b"/etc/nothing", b"/etc/file\n", b"etc/file", b"/etc/file /etc/file", b"/etc/fi\0le", b"", b"/etc/file/x",
        b"/etc/file".ljust(4096, b"/"), b"\xff/etc/file", b"/etc/dangling", b"/etc/file\t",
    ],
)  # fmt: skip
def test_other_files_stay_files(tmp_path: Path, text: bytes) -> None:
    tree = {"etc": {"it": text, "file": b"x", "dangling": "/none"}, "var": {}}
    root = open_root(grow(tmp_path / "tree", tree))
    assert root.read("/etc/it") == text
    assert root.resolve("/etc/it") == "/etc/it"
    assert root.flattened == ()


def test_flattened_loops_are_loops_and_long_chains_end(tmp_path: Path) -> None:
    chain: dict[str, Any] = {f"link{n}": b"/link%d" % (n - 1) for n in range(1, 3000)}
    deep: dict[str, Any] = {f"deep{n}": b"/deep%d/x" % (n - 1) for n in range(1, 3000)}
    root = open_root(
        grow(tmp_path / "tree", {"a": b"/b", "b": b"/a", **chain, "link0": b"end", **deep, "deep0": {"x": {}}})
    )
    assert root.kind("/a") == root.kind("/b") == "loop"
    assert root.read("/link40") == b"end"
    assert root.kind("/link41") == root.kind("/link2999") == "loop"
    assert root.kind("/deep2999") in ("loop", "file")


def test_the_incident_tree_reads_through_its_flattened_links(tmp_path: Path) -> None:
    """The shape of a Debian host after a checkout without symbolic links."""
    root = open_root(grow(tmp_path / "tree", {
        "etc": {
            "mysql": {"my.cnf": b"/etc/alternatives/my.cnf", "mariadb.cnf": b"!includedir /etc/mysql/conf.d/\n"},
            "alternatives": {"my.cnf": b"/etc/mysql/mariadb.cnf"},
            "nginx": {"sites-enabled": {"api": b"/etc/nginx/sites-available/api"}, "sites-available": {"api": b"s {}"}},
        },
        "proc": {"905": {"cmdline": b"/usr/sbin/mariadbd\0"}},
        "usr": {"sbin": {"mariadbd": b"ELF"}},
    }))  # fmt: skip
    assert root.read("/etc/mysql/my.cnf").startswith(b"!includedir")
    assert [root.read(path) for path in root.glob("/etc/nginx/sites-enabled/*")] == [b"s {}"]
    assert root.read("/proc/905/cmdline") == b"/usr/sbin/mariadbd\0"


# ------------------------------------------------------------------------------------------------ what is not a file


def test_fifos_sockets_and_devices_are_never_opened(tmp_path: Path) -> None:
    top = grow(tmp_path / "tree", {"etc": {}, "var": {}})
    os.mkfifo(top / "etc/fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(top / "etc/socket"))
        root = open_root(top)
        for name in ("fifo", "socket"):
            assert root.kind(f"/etc/{name}") == root.status(f"/etc/{name}").kind == "other"
            with pytest.raises(NotReadable, match="not a regular file"):
                root.read(f"/etc/{name}")


def test_a_file_past_the_limit_is_known_and_not_read(tmp_path: Path) -> None:
    top = grow(tmp_path / "tree", {"etc": {"full": b"x" * base.MAX_FILE, "over": b""}, "var": {}})
    os.truncate(top / "etc/over", base.MAX_FILE + 1)
    root = open_root(top)
    assert len(root.read("/etc/full")) == base.MAX_FILE
    assert root.status("/etc/over").size == base.MAX_FILE + 1
    with pytest.raises(TooLarge, match=f"^/etc/over: {base.MAX_FILE + 1} bytes, more than {base.MAX_FILE}$"):
        root.read("/etc/over")


def test_a_file_swapped_while_we_read_is_not_read(tmp_path: Path) -> None:
    """Neither through a link that took its place, nor another file that did."""
    (tmp_path / "secret").write_bytes(b"outside")
    top = grow(tmp_path / "tree", {"etc": {"a": b"x" * 5000, "b": b"y" * 5000, "new": b"z"}, "var": {}})
    root = open_root(top)
    assert root.kind("/etc/a") == root.kind("/etc/b") == "file"
    (top / "etc/a").unlink()
    (top / "etc/a").symlink_to(tmp_path / "secret")
    (top / "etc/new").rename(top / "etc/b")
    with pytest.raises(NotReadable, match=r"^/etc/a: too many levels of symbolic links$"):
        root.read("/etc/a")
    with pytest.raises(NotReadable, match=r"^/etc/b: changed while it was read$"):
        root.read("/etc/b")


def test_names_in_byte_order_with_bytes_that_are_no_text(tmp_path: Path) -> None:
    top = grow(tmp_path / "tree", {"etc": {"b": b"", "B": b"", "a": b"", "10": b"", "9": b"", ".x": b""}, "var": {}})
    for name in (b"\xff", "é".encode(), b"a b"):
        Path(os.fsdecode(os.fsencode(top) + b"/etc/" + name)).write_bytes(name)
    root = open_root(top)
    expected = [b".x", b"10", b"9", b"B", b"a", b"a b", b"b", "é".encode(), b"\xff"]
    assert [os.fsencode(name) for name in root.names("/etc")] == expected
    assert root.read("/etc/" + os.fsdecode(b"\xff")) == b"\xff"
    root.names("/etc").clear()
    assert len(root.names("/etc")) == len(expected)


# ------------------------------------------------------------------------------------------------ permissions


def test_status_is_of_what_the_link_leads_to(tmp_path: Path) -> None:
    top = grow(tmp_path / "tree", {"etc": {"my.cnf": b"12345", "link": "my.cnf"}, "var": {}})
    os.chmod(top / "etc/my.cnf", 0o4640)
    os.chmod(top / "etc", 0o1750)
    root = open_root(top)
    uid, gid = os.getuid(), os.stat(top / "etc").st_gid
    assert root.status("/etc/link") == Status(0o4640, uid, gid, 5, "file")
    assert root.status("/etc") == Status(0o1750, uid, gid, 0, "dir")
    with pytest.raises(Missing):
        root.status("/none")


def as_owned(top: Path, owners: dict[str, tuple[int, int, int]], monkeypatch: pytest.MonkeyPatch) -> Root:
    """The root of `top` as if its places (`""` is the top) had these modes, users and groups: no need to be root."""
    root = open_root(top)
    look = type(root)._look

    def owned(self: Root, place: str) -> base.Entry | None:
        entry = look(self, place)
        if entry is not None:
            entry.mode, entry.uid, entry.gid = owners.get(place, (0o777 if entry.kind == "link" else 0o755, 0, 0))
        return entry

    monkeypatch.setattr(type(root), "_look", owned)
    root._entries.clear()
    return root


MYSQL = (110, frozenset({110, 27}))


@pytest.mark.parametrize(
    ("owners", "path", "expected"),
    [
        ({"/etc/my.cnf": (0o644, 0, 0)}, "/etc/my.cnf", True),
        ({"/etc/my.cnf": (0o600, 0, 0)}, "/etc/my.cnf", False),
        ({"/etc/my.cnf": (0o600, 110, 0)}, "/etc/my.cnf", True),
        ({"/etc/my.cnf": (0o640, 0, 27)}, "/etc/my.cnf", True),
        ({"/etc/my.cnf": (0o640, 0, 28)}, "/etc/my.cnf", False),
        # the first class that fits decides, also against its member
        ({"/etc/my.cnf": (0o044, 110, 110)}, "/etc/my.cnf", False),
        ({"/etc/my.cnf": (0o604, 0, 27)}, "/etc/my.cnf", False),
        # search is wanted on every folder, and on those that a link passes
        ({"/etc": (0o744, 0, 0)}, "/etc/my.cnf", False),
        ({"/etc": (0o711, 0, 0)}, "/etc/my.cnf", True),
        # the mode of a copy's own folder is not the host's
        ({"": (0o700, 0, 0)}, "/etc/my.cnf", True),
        ({"/hidden": (0o700, 0, 0)}, "/hidden/../etc/my.cnf", False),
        ({"/hidden": (0o700, 0, 0)}, "/hidden/link", False),
        ({"/hidden": (0o700, 0, 0)}, "/etc/my.cnf", True),
        ({"/hidden": (0o700, 0, 0)}, "/etc/into", False),
        ({"/hidden": (0o750, 0, 27)}, "/etc/into", True),
        # a folder is read by its r
        ({"/etc": (0o711, 0, 0)}, "/etc", False),
        ({"/etc": (0o744, 0, 0)}, "/etc", True),
        ({}, "/etc/none", False),
        ({}, "/etc/loop", False),
    ],
)
def test_readable_by_owner_group_and_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owners: dict[str, tuple[int, int, int]], path: str, expected: bool
) -> None:
    top = grow(tmp_path / "tree", {
        "etc": {"my.cnf": b"x", "into": "/hidden/file", "loop": "loop"},
        "hidden": {"link": "/etc/my.cnf", "file": b"y"},
    })  # fmt: skip
    root = as_owned(top, owners, monkeypatch)
    assert root.owners_known
    assert root.readable_by(path, *MYSQL) is expected
    assert root.readable_by(path, 0, ROOT_GROUP) is True


def test_owners_that_were_lost_are_not_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy made by a normal user: everything is theirs; the folder above, made by root, says nothing."""
    top = grow(tmp_path / "tree", {"etc": {"my.cnf": b"x"}, "var": {}})
    owners = dict.fromkeys(("/etc", "/etc/my.cnf", "/var"), (384, 1000, 1000))
    root = as_owned(top, {"": (0o700, 0, 0), **owners}, monkeypatch)
    assert root.owners_known is False
    assert root.readable_by("/etc/my.cnf", *MYSQL) is True
    one = as_owned(top, {**owners, "/etc/my.cnf": (0o600, 0, 0)}, monkeypatch)
    assert one.owners_known is True
    assert one.readable_by("/etc/my.cnf", *MYSQL) is False


def test_an_empty_tree_has_no_owners(tmp_path: Path) -> None:
    assert open_root(tmp_path).owners_known is False
    assert open_root(tmp_path).names("/") == []


AS_NOBODY = """
import json, os, sys
sys.path.insert(0, sys.argv[2])
from capacity.errors import CapacityError
from capacity.root import open_root
open_root("/")  # what it imports is imported while we still may
root = open_root(sys.argv[1])
import capacity.root.archive
os.setgroups([]); os.setgid(65534); os.setuid(65534)
answers = {}
for path in ("/etc/secret", "/etc/closed/x", "/etc/closed"):
    try:
        answers[path] = [root.kind(path), root.read(path).decode()]
    except CapacityError as error:
        answers[path] = [root.kind(path), str(error)]
try:
    root.names("/etc/closed")
except CapacityError as error:
    answers["names"] = str(error)
answers["glob"] = root.glob("/etc/*/x*")
answers["denied"] = root.denied
answers["readable"] = root.readable_by("/etc/closed/x", 65534, frozenset())
print(json.dumps(answers))
"""


@pytest.mark.real
def test_without_permission_it_says_so(tmp_path: Path) -> None:
    top = grow(tmp_path / "tree", {"etc": {"secret": b"s", "closed": {"x": b"c"}, "open": {"x": b"o"}}, "var": {}})
    for above in (tmp_path, *tmp_path.parents[:-2]):
        os.chmod(above, os.stat(above).st_mode | 0o011)
    os.chmod(top / "etc/secret", 0o600)
    os.chmod(top / "etc/closed", 0o700)
    package = str(Path(base.__file__).parents[2])
    done = subprocess.run([sys.executable, "-c", AS_NOBODY, str(top), package], capture_output=True, check=True)
    assert json.loads(done.stdout) == {
        "/etc/secret": ["file", "/etc/secret: permission denied (as uid 65534)"],
        "/etc/closed/x": ["other", "/etc/closed/x: permission denied (as uid 65534)"],
        "/etc/closed": ["dir", "/etc/closed: is a directory"],
        "names": "/etc/closed: permission denied (as uid 65534)",
        "glob": ["/etc/open/x"],
        "denied": ["/etc/closed", "/etc/closed/x"],
        "readable": True,
    }


# ------------------------------------------------------------------------------------------------ the running machine


def test_the_running_machine(tmp_path: Path) -> None:
    root = open_root("/")
    assert root.live
    assert root.owners_known
    assert root.read("/proc/meminfo").startswith(b"MemTotal:")
    assert root.status("/proc/meminfo").size == 0
    assert root.resolve("/proc/self") == f"/proc/{os.getpid()}"
    assert root.read(f"/proc/{os.getpid()}/cmdline") == Path("/proc/self/cmdline").read_bytes()
    assert root.resolve("/proc/self/root/proc/self") == f"/proc/{os.getpid()}"
    assert open_root("/proc/self/root").live
    assert not open_root(tmp_path).live


def test_files_that_look_like_links_are_files_on_the_running_machine(tmp_path: Path) -> None:
    (tmp_path / "it").write_bytes(b"/etc/passwd")
    assert open_root("/").read(str(tmp_path.resolve() / "it")) == b"/etc/passwd"
    assert open_root("/").flattened == ()


# ------------------------------------------------------------------------------------------------ opening


def test_sources_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="no such file"):
        open_root(tmp_path / "none")
    with pytest.raises(Missing):
        open_root(tmp_path / "none" / "x")
    with pytest.raises(Missing):
        open_root("a\0b")
    with pytest.raises(Missing):
        open_root("\ud800")
    with pytest.raises(NotReadable, match="neither a folder nor a tar archive"):
        open_root("/dev/null")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(CapacityError, match="symbolic links"):
        open_root(tmp_path / "loop")


def test_a_relative_source_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grow(tmp_path / "tree", {"etc": {"x": b"1"}, "var": {}})
    monkeypatch.chdir(tmp_path)
    root = open_root("tree/")
    monkeypatch.chdir("/")
    assert root.read("/etc/x") == b"1"
    assert root.name == "tree/"


def test_a_single_folder_that_holds_a_host_is_the_root(tmp_path: Path) -> None:
    """sosreport: one folder; what it holds are links that were made relative."""
    root = open_root(grow(tmp_path / "one", {"sosreport-web7": {"etc": {"x": b"1"}, "free": "sos_commands/free"}}))
    assert root.read("/etc/x") == b"1"
    assert root.names("/") == ["etc", "free"]
    for tree in ({"usr": {"etc": {"x": b"1"}}}, {"web7": {"data": {}}}, {"web7": {"etc": b""}}, {"web7": "/"}):
        assert open_root(grow(tmp_path / str(len(os.listdir(tmp_path))), tree)).names("/") == list(tree)
