"""Control groups of both versions: which limit stands where, what is no limit, what is not known."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from capacity.arithmetic import UNKNOWN, UNLIMITED
from capacity.readers.cgroups import CGroup, group, groups, limits, version
from capacity.root import open_root
from capacity.settings import File, NotKnown, Setting
from tests.readers.trees import tree

V2, V1 = "/sys/fs/cgroup", "/sys/fs/cgroup/memory"
INCIDENT = Path(__file__).parent.parent / "hosts" / "incident" / "before"


def value(setting: Setting | None) -> object:
    return None if setting is None else setting.value


def test_limits_up_the_path_innermost_first(tmp_path: Path) -> None:
    files = {
        f"{V2}/cgroup.controllers": "memory\n",
        f"{V2}/system.slice/memory.max": "max\n",
        f"{V2}/system.slice/x.service/memory.max": "536870912\n",
        f"{V2}/system.slice/x.service/memory.high": "max\n",
        f"{V2}/system.slice/x.service/memory.swap.max": "0\n",
        f"{V2}/system.slice/x.service/memory.oom.group": "1\n",
        f"{V2}/system.slice/x.service/memory.stat": "anon 4096\ninactive_file 8192\n",
    }
    inner, outer, top = limits(tree(tmp_path, files), "/system.slice/x.service")
    assert (inner.path, inner.name, inner.version) == ("/system.slice/x.service", "x.service", 2)
    assert (value(inner.max), value(inner.high), value(inner.swap_max)) == (536870912, UNLIMITED, 0)
    assert (value(inner.oom_group), inner.stat) == (1, {"anon": 4096, "inactive_file": 8192})
    assert inner.max is not None
    assert inner.max.origin == File(f"{V2}/system.slice/x.service/memory.max", 1, (1, 10))
    assert (value(outer.max), value(top.max), top.path) == (UNLIMITED, None, "/")


def test_zero_is_a_limit(tmp_path: Path) -> None:
    found = group(tree(tmp_path, {f"{V2}/a.slice/memory.max": "0\n"}), "/a.slice")
    assert found is not None
    assert value(found.max) == 0


def test_version_1_has_its_own_files_and_word_for_no_limit(tmp_path: Path) -> None:
    files = {
        f"{V1}/memory.limit_in_bytes": "9223372036854771712\n",
        f"{V1}/docker/memory.limit_in_bytes": "1073741824\n",
        f"{V1}/docker/memory.memsw.limit_in_bytes": "2147483648\n",
        f"{V1}/docker/memory.max_usage_in_bytes": "77\n",
    }
    root = tree(tmp_path, files)
    assert version(root) == 1
    inner, top = limits(root, "/docker")
    assert (value(inner.max), value(inner.memsw_max), value(inner.peak)) == (1 << 30, 2 << 30, 77)
    assert (value(top.max), inner.swap_max) == (UNLIMITED, None)


def test_a_hybrid_host_keeps_memory_in_version_1(tmp_path: Path) -> None:
    files = {f"{V1}/memory.usage_in_bytes": "1\n", f"{V2}/unified/cgroup.controllers": "\n"}
    assert version(tree(tmp_path, files)) == 1


def test_a_tree_without_control_groups_knows_none(tmp_path: Path) -> None:
    root = tree(tmp_path, {"/etc/hostname": "x"})
    assert (version(root), group(root, "/"), limits(root, "/a"), groups(root)) == (None, None, (), {})


@pytest.mark.parametrize("text", ["", "/", "MAX\n", "-1\n", "1K\n", "9" * 30 + "\n"])
def test_what_the_kernel_would_not_write_is_unknown_and_not_zero(tmp_path: Path, text: str) -> None:
    found = group(tree(tmp_path, {f"{V2}/a.slice/memory.max": text}), "/a.slice")
    assert found is not None
    assert found.max is not None
    assert found.max.value is UNKNOWN
    assert isinstance(found.max.origin, NotKnown)
    assert len(found.remarks) == 1


def test_a_path_out_of_the_namespace_ends_at_the_root(tmp_path: Path) -> None:
    root = tree(tmp_path, {f"{V2}/cgroup.controllers": "memory\n", f"{V2}/a/memory.max": "1\n"})
    assert [one.path for one in limits(root, "/../../a")] == ["/"]
    assert [one.path for one in limits(root, "/a/gone/b")] == ["/a", "/"]


def test_all_groups_parents_first(tmp_path: Path) -> None:
    files = {f"{V2}/cgroup.controllers": "memory\n"}
    files |= {f"{V2}/{path}/memory.max": "1\n" for path in ("a.slice", "a.slice/b.service", "memory.slice")}
    assert list(groups(tree(tmp_path, files))) == ["/", "/a.slice", "/a.slice/b.service", "/memory.slice"]


def test_a_walk_that_stops_short_says_so(tmp_path: Path) -> None:
    files = {f"{V2}/cgroup.controllers": "memory\n", f"{V2}/a/b/c/memory.max": "1\n"}
    root = tree(tmp_path, files)
    assert list(groups(root, depth=2)) == ["/", "/a", "/a/b"]
    assert len(groups(root, depth=2)["/"].remarks) == 1
    assert list(groups(root, number_of_groups=2)) == ["/", "/a"]
    assert groups(root)["/"].remarks == ()


def test_the_incidents_groups() -> None:
    found = groups(open_root(INCIDENT))
    assert {"/system.slice/mariadb.service", "/system.slice/php8.3-fpm.service", "/user.slice"} <= set(found)
    assert all(value(one.max) == UNLIMITED for path, one in found.items() if path != "/")


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80)
@given(st.binary(max_size=60), st.text(max_size=30))
def test_any_bytes_and_any_path_give_a_value_or_unknown(tmp_path: Path, data: bytes, path: str) -> None:
    names = ("memory.max", "memory.high", "memory.stat", "memory.current", "memory.oom.group")
    root = tree(tmp_path, {f"{V2}/a.slice/{name}": data for name in names})
    found = group(root, "/a.slice")
    assert isinstance(found, CGroup)
    assert found.max is not None
    assert found.max.value is UNKNOWN or found.max.value >= 0
    assert all(one.path.startswith("/") for one in limits(root, path))
