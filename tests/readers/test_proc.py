"""/proc and /sys as the kernel writes them: sizes in bytes, nothing invented where a line is missing or damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from capacity.arithmetic import UNLIMITED
from capacity.readers import proc
from capacity.readers.processes import processes
from capacity.root import open_root
from capacity.settings import File
from tests.readers.trees import tree

KiB = 1024
INCIDENT = Path(__file__).parent.parent / "hosts" / "incident" / "before"

MEMINFO = """MemTotal:       16384000 kB
MemFree:          131400 kB
HugePages_Total:       8
Hugepagesize:       2048 kB
"""


def test_meminfo_is_in_bytes_and_counts_stay_counts(tmp_path: Path) -> None:
    facts = proc.meminfo(tree(tmp_path, {"/proc/meminfo": MEMINFO}))
    assert facts.value("MemTotal") == 16384000 * KiB
    assert (facts.value("HugePages_Total"), facts.value("Hugepagesize")) == (8, 2048 * KiB)
    origin = facts.settings["MemFree"].origin
    assert origin == File("/proc/meminfo", 2, (19, 28))
    assert facts.remarks == ()


def test_a_damaged_line_is_a_remark_and_no_value(tmp_path: Path) -> None:
    text = MEMINFO.replace("131400 kB", "131x kB").replace("       8", "")
    facts = proc.meminfo(tree(tmp_path, {"/proc/meminfo": text}))
    assert (facts.value("MemFree"), facts.value("HugePages_Total")) == (None, None)
    assert [remark.at.line for remark in facts.remarks] == [2, 3]


def test_a_missing_file_is_a_remark_and_no_value(tmp_path: Path) -> None:
    root = tree(tmp_path, {"/etc/hostname": "x"})
    for facts in (proc.meminfo(root), proc.vmstat(root), proc.sockstat(root)):
        assert facts.settings == {}
        assert len(facts.remarks) == 1
    assert proc.cpus(root) is None
    assert proc.swaps(root) is None
    assert proc.zoneinfo(root)[0] == []
    assert (proc.zrams(root), proc.hugepages(root), proc.kernel_command_line(root)) == ([], [], ())
    assert proc.transparent_hugepages(root) is None
    assert processes(root) == []


def test_sysctls_keep_their_own_units_and_may_be_several_numbers(tmp_path: Path) -> None:
    files = {
        "/proc/sys/vm/min_free_kbytes": "67584\n",
        "/proc/sys/net/ipv4/tcp_mem": "285\t380\t570\n",
        "/proc/sys/vm/swappiness": "many\n",
    }
    facts = proc.sysctls(tree(tmp_path, files))
    assert facts.value("vm.min_free_kbytes") == 67584
    assert facts.value("net.ipv4.tcp_mem") == (285, 380, 570)
    assert facts.value("vm.swappiness") is None
    assert [remark.at.path for remark in facts.remarks] == ["/proc/sys/vm/swappiness"]


ZONEINFO = """Node 0, zone      DMA
  per-node stats
      nr_inactive_anon 41280
  pages free     3840
        boost    0
        min      53
        low      66
        high     79
        spanned  4095
        present  3998
        managed  3840
        protection: (0, 3019, 4683)
      nr_free_pages 3840
  pagesets
    cpu: 0
              count:    0
              high:     14
Node 0, zone   Normal
  pages free     7
        min      5984
        managed  425984
        protection: (0, 0, 0)
"""


def test_zones_have_their_watermarks_in_pages(tmp_path: Path) -> None:
    zones, remarks = proc.zoneinfo(tree(tmp_path, {"/proc/zoneinfo": ZONEINFO}))
    dma, normal = zones
    assert (dma.node, dma.name, dma.managed, dma.min, dma.low, dma.high) == (0, "DMA", 3840, 53, 66, 79)
    assert dma.protection == (0, 3019, 4683)
    assert (normal.name, normal.managed, normal.high, normal.at.line) == ("Normal", 425984, None, 18)
    assert remarks == ()


@pytest.mark.parametrize(("online", "count"), [("0\n", 1), ("0-3\n", 4), ("0,2-3,8-11\n", 7)])
def test_processors_online(tmp_path: Path, online: str, count: int) -> None:
    files = {"/sys/devices/system/cpu/online": online, "/proc/cpuinfo": "processor\t: 0\n"}
    setting = proc.cpus(tree(tmp_path, files))
    assert setting is not None
    assert setting.value == count


def test_processors_are_counted_where_sys_is_missing_or_damaged(tmp_path: Path) -> None:
    cpuinfo = "processor\t: 0\nmodel name\t: x\n\nprocessor\t: 1\n"
    for name, online in (("a", None), ("b", "0-x\n"), ("c", "3-1\n")):
        files = {"/proc/cpuinfo": cpuinfo, **({"/sys/devices/system/cpu/online": online} if online else {})}
        setting = proc.cpus(tree(tmp_path / name, files))
        assert setting is not None
        assert setting.value == 2


def test_swap_areas_and_none(tmp_path: Path) -> None:
    head = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
    found = proc.swaps(
        tree(tmp_path / "a", {"/proc/swaps": head + "/swap\\040file  file\t\t4194300\t\t3439000\t\t-2\n"})
    )
    assert found is not None
    (area,) = found[0]
    assert (area.path, area.kind, area.size, area.used) == ("/swap file", "file", 4194300 * KiB, 3439000 * KiB)
    assert area.priority == -2
    assert proc.swaps(tree(tmp_path / "b", {"/proc/swaps": head})) == ([], ())
    odd = proc.swaps(tree(tmp_path / "c", {"/proc/swaps": head + "/dev/sda2 partition x 0 -2\n"}))
    assert odd is not None
    assert (odd[0], [remark.at.line for remark in odd[1]]) == ([], [2])


def test_zram_devices(tmp_path: Path) -> None:
    files = {
        "/sys/block/zram0/disksize": "4294967296\n",
        "/sys/block/zram0/mm_stat": "  1000000   300000   400000        0   500000        1        2        3\n",
        "/sys/block/zram1/disksize": "0\n",
    }
    first, second = proc.zrams(tree(tmp_path, files))
    assert (first.name, first.disksize, first.mem_limit, first.mem_used) == ("zram0", 4294967296, UNLIMITED, 400000)
    assert (first.stored, first.compressed) == (1000000, 300000)
    assert (second.disksize, second.mem_used, second.mem_limit, len(second.remarks)) == (0, None, None, 1)


def test_huge_pages_of_each_size(tmp_path: Path) -> None:
    folder = "/sys/kernel/mm/hugepages/hugepages-2048kB"
    names = {"nr": 128, "free": 100, "resv": 3, "surplus": 1}
    root = tree(tmp_path, {f"{folder}/{name}_hugepages": f"{count}\n" for name, count in names.items()})
    (pool,) = proc.hugepages(root)
    assert (pool.page, pool.total, pool.free, pool.reserved, pool.surplus) == (2048 * KiB, 128, 100, 3, 1)


def test_sockets_in_memory_are_bytes(tmp_path: Path) -> None:
    text = "sockets: used 18\nTCP: inuse 1 orphan 0 tw 0 alloc 1 mem 307\nFRAG: inuse 0 memory 512\nUDP: inuse\n"
    facts = proc.sockstat(tree(tmp_path, {"/proc/net/sockstat": text}))
    assert (facts.value("TCP.mem"), facts.value("FRAG.memory"), facts.value("sockets.used")) == (307 * 4096, 512, 18)
    assert [remark.at.line for remark in facts.remarks] == [4]


def test_counters_and_the_kernels_command_line(tmp_path: Path) -> None:
    files = {
        "/proc/vmstat": "pswpin 12\npswpout x\n",
        "/proc/cmdline": "quiet crashkernel=256M password=hunter2\n",
        "/sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
    }
    root = tree(tmp_path, files)
    assert (proc.vmstat(root).value("pswpin"), proc.vmstat(root).value("pswpout")) == (12, None)
    assert proc.kernel_command_line(root) == ("quiet", "crashkernel=256M", "password=***")
    assert proc.transparent_hugepages(root) == "madvise"


# ------------------------------------------------------------------------------------------- processes

STATUS = """Name:\tphp-fpm8.3
State:\tS (sleeping)
PPid:\t1100
Uid:\t33\t33\t33\t33
VmHWM:\t  211900 kB
RssAnon:\t  165000 kB
VmSwap:\t   75000 kB
Threads:\t3
"""
ROLLUP = """55d0c0000000-7ffe00000000 ---p 00000000 00:00 0                          [rollup]
Rss:              186000 kB
Pss:              167099 kB
Private_Dirty:    164000 kB
Swap:              75000 kB
"""


def process_files(pid: int, **files: str | bytes) -> dict[str, str | bytes]:
    every: dict[str, str | bytes] = {
        "status": STATUS,
        "cmdline": b"php-fpm: pool www\0\0\0",
        "smaps_rollup": ROLLUP,
        "cgroup": "0::/system.slice/php8.3-fpm.service\n",
        "oom_score_adj": "-17\n",
    }
    return {f"/proc/{pid}/{name}": text for name, text in {**every, **files}.items()}


def test_a_process_with_its_figures_in_bytes(tmp_path: Path) -> None:
    (process,) = processes(tree(tmp_path, process_files(30010)))
    assert (process.pid, process.ppid, process.uid, process.threads) == (30010, 1100, 33, 3)
    assert (process.comm, process.words, process.oom_score_adj) == ("php-fpm8.3", ("php-fpm: pool www",), -17)
    assert (process.size("VmHWM"), process.size("Pss")) == (211900 * KiB, 167099 * KiB)
    assert process.private == (164000 + 75000) * KiB
    assert (process.cgroup, process.cgroup_v1, process.own) == ("/system.slice/php8.3-fpm.service", None, False)


def test_without_smaps_rollup_the_status_gives_the_private_part(tmp_path: Path) -> None:
    files = process_files(5)
    del files["/proc/5/smaps_rollup"]
    (process,) = processes(tree(tmp_path, files))
    assert process.rollup is None
    assert process.rollup_refused == "no such file or directory"
    assert process.private == (165000 + 75000) * KiB


def test_without_either_nothing_is_known(tmp_path: Path) -> None:
    files = process_files(5, status=STATUS.replace("RssAnon:\t  165000 kB", "RssAnon:\tmany kB"), smaps_rollup="")
    (process,) = processes(tree(tmp_path, files))
    assert (process.private, process.size("RssAnon"), process.rollup_refused) == (None, None, "empty")
    assert [remark.at.line for remark in process.remarks] == [6]


def test_the_memory_group_of_version_1(tmp_path: Path) -> None:
    text = "5:cpu,cpuacct:/a\n4:memory:/b:c\n1:name=systemd:/d\n0::/e\nodd\n"
    (process,) = processes(tree(tmp_path, process_files(5, cgroup=text)))
    assert (process.cgroup, process.cgroup_v1, len(process.remarks)) == ("/e", "/b:c", 1)


def test_kernel_threads_zombies_and_other_names_are_left_out(tmp_path: Path) -> None:
    kernel = STATUS.replace("PPid:\t1100", "PPid:\t2")
    files = {
        **process_files(2, cmdline=b"", status=STATUS.replace("PPid:\t1100", "PPid:\t0")),
        **process_files(3, cmdline=b"", status=kernel),
        **process_files(4, status=STATUS.replace("S (sleeping)", "Z (zombie)")),
        **process_files(5, cmdline=b""),
        "/proc/self/status": STATUS,
        "/proc/7/comm": "gone\n",
    }
    assert [process.pid for process in processes(tree(tmp_path, files))] == [5]


def test_secrets_of_a_command_line_are_masked(tmp_path: Path) -> None:
    words = b"mysql\0-phunter2\0--password=hunter2\0redis://u:hunter2@h/0\0--token\0hunter2\0--memory=256\0"
    (process,) = processes(tree(tmp_path, process_files(5, cmdline=words)))
    assert "hunter2" not in repr(process)
    assert process.words[-1] == "--memory=256"


def test_rollups_are_left_unread_on_request(tmp_path: Path) -> None:
    (process,) = processes(tree(tmp_path, process_files(5)), rollups=False)
    assert (process.rollup, process.rollup_refused) == (None, "not asked for")


def test_the_reader_knows_itself_only_on_the_running_machine() -> None:
    here = [process for process in processes(open_root("/"), rollups=False) if process.own]
    assert len(here) == 1
    assert "python" in " ".join(here[0].words) or "pytest" in " ".join(here[0].words)


def test_the_incidents_processes() -> None:
    found = processes(open_root(INCIDENT))
    children = [process for process in found if process.words == ("php-fpm: pool www",)]
    assert len(found) == 36
    assert {process.cgroup for process in children} == {"/system.slice/php8.3-fpm.service"}
    assert all(process.private and not process.remarks for process in found)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.binary(max_size=200))
def test_any_bytes_give_facts_or_remarks(tmp_path: Path, data: bytes) -> None:
    names = ("meminfo", "zoneinfo", "vmstat", "swaps", "cmdline", "net/sockstat", "cpuinfo", "sys/vm/swappiness")
    files: dict[str, str | bytes] = {f"/proc/{name}": data for name in names}
    files |= process_files(9, status=data, cmdline=data, smaps_rollup=data, cgroup=data, oom_score_adj=data)
    files |= {"/sys/block/zram0/mm_stat": data, "/sys/devices/system/cpu/online": data}
    root = tree(tmp_path, files)
    for facts in (proc.meminfo(root), proc.vmstat(root), proc.sockstat(root), proc.sysctls(root)):
        assert all(name and (setting.value is not None) for name, setting in facts.settings.items())
    for process in processes(root):
        assert all(size >= 0 for size in process.status.values())
        assert process.oom_score_adj is None or -1000 <= process.oom_score_adj <= 1000
    proc.zoneinfo(root), proc.swaps(root), proc.zrams(root), proc.cpus(root), proc.kernel_command_line(root)
