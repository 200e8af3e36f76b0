"""The readers of /proc, control groups, packages and accounts on the running machine, against other ways to ask it.

The processes read are this test's own children, of known size; they stand still while they are read twice.
"""

from __future__ import annotations

import contextlib
import grp
import mmap
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from capacity.arithmetic import UNLIMITED
from capacity.readers import cgroups, proc
from capacity.readers.accounts import account, group_number
from capacity.readers.packages import installed
from capacity.readers.processes import Process, processes
from capacity.root import open_root

pytestmark = pytest.mark.real

KiB, MiB = 1024, 1 << 20
SIZE = 48 * MiB

CHILD = f"""
import mmap, sys
private = bytearray({SIZE})
private[::4096] = b"x" * ({SIZE} // 4096)
shared = mmap.mmap(-1, 16 << 20)
shared[::4096] = b"x" * (len(shared) // 4096)
print("ready", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def child() -> Iterator[int]:
    """A process that holds SIZE bytes of its own and 16 MiB shared ones, still until the block is left; its pid."""
    words = [sys.executable, "-c", CHILD, "--password=hunter2"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == b"ready\n"
        try:
            yield process.pid
        finally:
            process.stdin.close()
            process.wait(timeout=20)


def read_here(pid: int) -> Process:
    (found,) = [process for process in processes(open_root("/")) if process.pid == pid]
    return found


def kernel_sizes(path: str) -> dict[str, int]:
    """`Name: 12 kB` lines as the kernel writes them now, in bytes."""
    rows = (line.split() for line in Path(path).read_text().splitlines())
    return {row[0].rstrip(":"): int(row[1]) * KiB for row in rows if len(row) == 3 and row[2] == "kB"}


def test_a_child_is_read_as_the_kernel_writes_it() -> None:
    with child() as pid:
        process = read_here(pid)
        assert dict(process.status) == kernel_sizes(f"/proc/{pid}/status")
        mine, theirs = dict(process.rollup or {}), kernel_sizes(f"/proc/{pid}/smaps_rollup")
    assert mine.keys() == theirs.keys()
    # what is shared with others counts differently from one moment to the next
    alone = [name for name in mine if not name.startswith(("Pss", "Shared")) and name != "Private_Clean"]
    assert {name: mine[name] for name in alone} == {name: theirs[name] for name in alone}
    assert (process.ppid, process.uid, process.threads, process.own) == (os.getpid(), os.getuid(), 1, False)
    assert process.remarks == ()


def test_a_childs_own_memory_is_what_it_took() -> None:
    with child() as pid:
        process = read_here(pid)
    assert process.private is not None
    assert SIZE < process.private < SIZE + 24 * MiB  # the interpreter itself holds the rest; shared pages are apart
    shared = process.size("RssShmem")
    assert shared is not None
    assert 16 * MiB <= shared < 17 * MiB


def test_a_childs_name_words_group_and_adjustment() -> None:
    with child() as pid:
        Path(f"/proc/{pid}/oom_score_adj").write_text("321")
        process = read_here(pid)
        groups = Path(f"/proc/{pid}/cgroup").read_text()
    assert process.comm == Path(sys.executable).resolve().name[:15] or process.comm.startswith("python")
    assert process.words[0] == sys.executable
    assert process.words[-1] == "--password=***"
    assert process.oom_score_adj == 321
    assert f"0::{process.cgroup}" in groups.split("\n")
    if process.cgroup_v1 is not None:
        assert any(row.split(":", 2)[1:] == ["memory", process.cgroup_v1] for row in groups.split("\n") if row)


def test_a_child_that_ended_is_left_out() -> None:
    with child() as pid:
        root = open_root("/")
        root.names("/proc")
    assert pid not in [process.pid for process in processes(root)]


def test_the_machine_as_sysconf_has_it() -> None:
    root = open_root("/")
    page = os.sysconf("SC_PAGE_SIZE")
    assert proc.meminfo(root).value("MemTotal") == os.sysconf("SC_PHYS_PAGES") * page
    cpus = proc.cpus(root)
    assert cpus is not None
    assert cpus.value == os.sysconf("SC_NPROCESSORS_ONLN")
    assert dict(kernel_sizes("/proc/meminfo")).keys() <= proc.meminfo(root).settings.keys()
    assert proc.meminfo(root).remarks == ()
    assert page == mmap.PAGESIZE == 4096


def test_kernel_parameters_as_the_kernel_has_them() -> None:
    facts = proc.sysctls(open_root("/"))
    assert facts.remarks == ()
    for name in ("vm.overcommit_memory", "vm.min_free_kbytes", "net.ipv4.tcp_mem", "kernel.pid_max"):
        words = Path("/proc/sys/" + name.replace(".", "/")).read_text().split()
        value = tuple(int(word) for word in words)
        assert facts.value(name) == (value if len(value) > 1 else value[0])


def test_watermarks_of_the_zones_add_up_to_min_free() -> None:
    root = open_root("/")
    zones, remarks = proc.zoneinfo(root)
    assert remarks == ()
    minimum = sum(zone.min or 0 for zone in zones if zone.name not in ("Movable", "HighMem")) * 4096
    free = proc.sysctls(root).value("vm.min_free_kbytes") * KiB
    assert 0 <= free - minimum < len(zones) * 4096  # mm/page_alloc.c divides by zone and rounds each down
    assert all(zone.managed is not None and len(zone.protection) == len(zones) for zone in zones)


def test_counters_without_a_remark() -> None:
    root = open_root("/")
    assert proc.vmstat(root).remarks == ()
    assert proc.sockstat(root).remarks == ()
    swaps = proc.swaps(root)
    assert swaps is not None
    assert len(swaps[0]) == len(Path("/proc/swaps").read_text().splitlines()) - 1
    assert all(not process.remarks for process in processes(root, rollups=False))


# ------------------------------------------------------------------------------------------- control groups

V1 = Path("/sys/fs/cgroup/memory")


@contextlib.contextmanager
def own_group() -> Iterator[Path]:
    """An empty memory group of version 1, removed afterwards; no process is moved into it."""
    group = V1 / f"capacity-test-{os.getpid()}"
    group.mkdir()
    try:
        yield group
    finally:
        group.rmdir()


@pytest.mark.skipif(not os.access(V1 / "cgroup.procs", os.W_OK), reason="no writable memory controller of version 1")
@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("100000000", 100000000 // 4096 * 4096),
        ("64m", 64 * MiB),
        ("-1", UNLIMITED),
        ("0", 0),
        (str(2**63 - 1), UNLIMITED),
    ],
)
def test_limits_of_version_1_as_the_kernel_keeps_them(written: str, read: float) -> None:
    with own_group() as group:
        (group / "memory.limit_in_bytes").write_text(written)
        found = cgroups.group(open_root("/"), f"/{group.name}")
    assert found is not None
    assert found.max is not None
    assert (found.max.value, found.version, found.remarks) == (read, 1, ())
    assert found.stat["cache"] == 0


@pytest.mark.skipif(not os.access(V1 / "cgroup.procs", os.W_OK), reason="no writable memory controller of version 1")
def test_all_groups_are_those_of_the_folders() -> None:
    with own_group() as group:
        (group / "below").mkdir()
        try:
            found = cgroups.groups(open_root("/"))
            above = [one.path for one in cgroups.limits(open_root("/"), f"/{group.name}/below")]
        finally:
            (group / "below").rmdir()
    assert above == [f"/{group.name}/below", f"/{group.name}", "/"]
    assert set(above) <= set(found)
    assert {one.version for one in found.values()} == {1}


# ------------------------------------------------------------------------------------------- packages, accounts


@pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="no dpkg here")
def test_versions_are_those_of_dpkg() -> None:
    words = ["dpkg-query", "--show", "--showformat", "${Package} ${Version} ${db:Status-Status}\\n"]
    rows = [
        row.split() for row in subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    ]
    expected = {row[0]: row[1] for row in rows if row[2:] == ["installed"]}
    found = installed(open_root("/"), ["*"])
    assert {name: package.version for name, package in found.packages.items()} == expected
    assert found.known
    one = next(iter(expected))
    package = installed(open_root("/"), [one]).packages[one]
    line = Path("/var/lib/dpkg/status").read_text(errors="replace").split("\n")[package.at.line - 1]
    assert line == f"Package: {one}"


def test_accounts_are_those_of_the_c_library() -> None:
    root = open_root("/")
    names = [entry.pw_name for entry in pwd.getpwall()]
    for name in names:
        entry, found = pwd.getpwnam(name), account(root, name)
        assert found is not None
        assert (found.uid, found.gid, found.home, found.shell) == (*entry[2:4], *entry[5:7])
        assert found.gids == frozenset(os.getgrouplist(name, entry.pw_gid))
    for group in grp.getgrall():
        assert group_number(root, group.gr_name) == grp.getgrnam(group.gr_name).gr_gid
