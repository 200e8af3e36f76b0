"""systemd's units: which files are read, in which order they win, which slices stand around, what is enabled.

Expected values are those of systemd 252 (`systemd --test`; tests/real/test_systemd_reader.py compares them again).
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from capacity.arithmetic import UNKNOWN, UNLIMITED
from capacity.errors import CapacityError, UnknownName
from capacity.readers.systemd import Unit, Units, manager_defaults, units
from capacity.readers.systemd.syntax import MAX_LINE, Fault, parse
from capacity.settings import Assignment, File, NotKnown
from tests.readers.trees import tree

ETC, RUN, LIB = "/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system"
RAM = 16 << 30
MiB = 1 << 20


def service(text: str = "", start: str = "ExecStart=/bin/true\n") -> str:
    return f"[Service]\n{start}{text}"


def one(place: Path, text: str | bytes, ram: int | None = RAM) -> Unit:
    """The unit x.service with this text after a valid ExecStart."""
    data = service().encode() + (text.encode() if isinstance(text, str) else text)
    return units(tree(place, {f"{ETC}/x.service": data}), ram)["x.service"]


def value(unit: Unit, key: str, section: str = "Service") -> object:
    setting = unit.get(section, key)
    return None if setting is None else setting.value


# ------------------------------------------------------------------------------------------- fragment


def test_etc_comes_before_run_before_usr_lib_and_the_others_are_not_read(tmp_path: Path) -> None:
    host = units(tree(tmp_path, {f"{home}/x.service": service(f"MemoryMax={home[1]}\n") for home in (LIB, ETC, RUN)}))
    unit = host["x.service"]
    assert unit.files_read == (f"{ETC}/x.service",)
    assert [stray.path for stray in unit.never_read] == [f"{RUN}/x.service", f"{LIB}/x.service"]


@pytest.mark.parametrize("home", ["/usr/local/lib/systemd/system", "/lib/systemd/system", "/run/systemd/generator"])
def test_every_place_of_the_search_path_is_looked_at(tmp_path: Path, home: str) -> None:
    assert units(tree(tmp_path, {f"{home}/x.service": service()}))["x.service"].fragment == f"{home}/x.service"


def test_an_empty_file_or_a_link_to_dev_null_masks(tmp_path: Path) -> None:
    files = {f"{LIB}/a.service": service(), f"{LIB}/b.service": service(), f"{ETC}/a.service": ""}
    host = units(tree(tmp_path, {**files, f"{ETC}/b.service": "-> /dev/null"}))
    assert (host["a.service"].state, host["b.service"].state) == ("masked", "masked")
    assert host["a.service"].get("Service", "ExecStart") is None


def test_an_alias_leads_to_the_unit_and_its_drop_ins_count(tmp_path: Path) -> None:
    files = {
        f"{LIB}/mariadb.service": service(),
        f"{ETC}/mysql.service": f"-> {LIB}/mariadb.service",
        f"{ETC}/mysql.service.d/5.conf": "[Service]\nMemoryMax=5M\n",
    }
    unit = units(tree(tmp_path, files))["mysql.service"]
    assert (unit.name, unit.aliases, value(unit, "MemoryMax")) == ("mariadb.service", ("mysql.service",), 5 * MiB)


def test_an_alias_is_a_name_so_a_stronger_file_of_that_name_is_read(tmp_path: Path) -> None:
    files = {
        f"{LIB}/b.service": service(),
        f"{ETC}/b.service": service(),
        f"{RUN}/bl.service": f"-> {LIB}/b.service",
    }
    assert units(tree(tmp_path, files))["bl.service"].fragment == f"{ETC}/b.service"


def test_a_link_out_of_the_search_path_is_the_unit_itself(tmp_path: Path) -> None:
    files = {"/srv/other.service": service(), f"{ETC}/e.service": "-> /srv/other.service"}
    unit = units(tree(tmp_path, files))["e.service"]
    assert (unit.name, unit.fragment, unit.state) == ("e.service", f"{ETC}/e.service", "loaded")


def test_an_alias_of_another_form_is_refused_and_the_weaker_file_is_read(tmp_path: Path) -> None:
    files = {
        f"{LIB}/t@.service": service(),
        f"{ETC}/bad.service": f"-> {LIB}/t@.service",
        f"{LIB}/bad.service": service(),
    }
    assert units(tree(tmp_path, files))["bad.service"].fragment == f"{LIB}/bad.service"


def test_an_instance_is_read_from_its_template_unless_it_has_its_own_file(tmp_path: Path) -> None:
    host = units(tree(tmp_path, {f"{LIB}/t@.service": service(), f"{ETC}/t@own.service": service()}))
    assert host["t@a.service"].fragment == f"{LIB}/t@.service"
    assert host["t@own.service"].fragment == f"{ETC}/t@own.service"
    assert "t@.service" not in host
    assert host.templates() == ["t@.service"]


def test_a_name_that_leads_nowhere_is_not_there(tmp_path: Path) -> None:
    host = units(tree(tmp_path, {f"{LIB}/x.service": service()}))
    assert "y.service" not in host
    with pytest.raises(KeyError):
        host["y.service"]
    with pytest.raises(UnknownName):
        host.slices("y.service")


def test_links_in_a_circle_are_no_unit(tmp_path: Path) -> None:
    files = {f"{ETC}/a.service": "-> b.service", f"{ETC}/b.service": "-> a.service"}
    assert units(tree(tmp_path, files))["a.service"].state == "missing"


def test_a_service_without_a_start_command_is_refused(tmp_path: Path) -> None:
    unit = units(tree(tmp_path, {f"{ETC}/x.service": "[Service]\nUser=root\n"}))["x.service"]
    assert (unit.state, [refusal.reason for refusal in unit.refusals]) == ("bad", ["no ExecStart="])


def test_two_start_commands_are_refused_where_they_stand_unless_oneshot(tmp_path: Path) -> None:
    unit = one(tmp_path / "a", "ExecStart=/bin/false\n")
    assert unit.state == "bad"
    assert (unit.refusals[0].at.path, unit.refusals[0].at.line) == (f"{ETC}/x.service", 3)
    assert one(tmp_path / "b", "ExecStart=/bin/false\nType=oneshot\n").state == "loaded"


# ------------------------------------------------------------------------------------------- drop-ins


def drop_ins(place: Path, **limits: str) -> Unit:
    """foo-bar.service with drop-ins given as {`ETC/foo-.service.d/10.conf`: MemoryMax}."""
    homes = {"ETC": ETC, "RUN": RUN, "LIB": LIB}
    files: dict[str, str | bytes] = {f"{LIB}/foo-bar.service": service("MemoryMax=1M\n")}
    for path, limit in limits.items():
        home, _, rest = path.partition("/")
        files[f"{homes[home]}/{rest}"] = f"[Service]\nMemoryMax={limit}\n"
    return units(tree(place, files))["foo-bar.service"]


def test_drop_ins_of_all_folders_are_one_list_by_file_name(tmp_path: Path) -> None:
    unit = drop_ins(tmp_path, **{"LIB/foo-bar.service.d/30-x.conf": "30M", "ETC/foo-bar.service.d/10-x.conf": "10M"})
    assert value(unit, "MemoryMax") == 30 * MiB
    setting = unit.get("Service", "MemoryMax")
    assert setting is not None
    assert [loser.value for loser in setting.overrode] == [10 * MiB, 1 * MiB]
    assert setting.origin == File(f"{LIB}/foo-bar.service.d/30-x.conf", 2, (11, 14))


def test_one_file_name_is_read_once_from_the_stronger_place_even_if_it_is_less_specific(tmp_path: Path) -> None:
    unit = drop_ins(tmp_path, **{"ETC/foo-.service.d/10.conf": "2M", "LIB/foo-bar.service.d/10.conf": "3M"})
    assert value(unit, "MemoryMax") == 2 * MiB
    assert [stray.path for stray in unit.never_read] == [f"{LIB}/foo-bar.service.d/10.conf"]


def test_in_one_place_the_more_specific_folder_wins_and_service_d_is_the_weakest(tmp_path: Path) -> None:
    limits = {"ETC/foo-.service.d/10.conf": "2M", "ETC/foo-bar.service.d/10.conf": "3M", "ETC/service.d/10.conf": "4M"}
    assert value(drop_ins(tmp_path / "a", **limits), "MemoryMax") == 3 * MiB
    general = {"ETC/service.d/10.conf": "4M", "LIB/foo-.service.d/10.conf": "2M"}
    assert value(drop_ins(tmp_path / "b", **general), "MemoryMax") == 2 * MiB


def test_hidden_files_and_other_suffixes_are_no_drop_ins(tmp_path: Path) -> None:
    folder = "ETC/foo-bar.service.d"
    unit = drop_ins(tmp_path, **{f"{folder}/.h.conf": "2M", f"{folder}/z.CONF": "3M", f"{folder}/z.conf.bak": "4M"})
    assert value(unit, "MemoryMax") == 1 * MiB


def test_an_empty_drop_in_masks_its_namesake(tmp_path: Path) -> None:
    files = {
        f"{LIB}/x.service": service(),
        f"{LIB}/x.service.d/1.conf": "[Service]\nMemoryMax=1M\n",
        f"{ETC}/x.service.d/1.conf": "",
    }
    assert value(units(tree(tmp_path, files))["x.service"], "MemoryMax") is None


def test_an_instance_reads_the_drop_ins_of_its_template_and_of_plain_prefixes(tmp_path: Path) -> None:
    keys = ("MemoryMax", "MemoryHigh", "MemorySwapMax", "MemoryLow", "MemoryMin")
    folders = ("a-b@i.service.d", "a-b@.service.d", "a-@i.service.d", "a-@.service.d", "a-.service.d")
    files: dict[str, str | bytes] = {f"{LIB}/a-b@.service": service()}
    for number, (folder, key) in enumerate(zip(folders, keys), 1):
        files[f"{ETC}/{folder}/{number}.conf"] = f"[Service]\n{key}={number}M\n"
    unit = units(tree(tmp_path, files))["a-b@i.service"]
    assert [value(unit, key) for key in keys] == [number * MiB for number in range(1, 6)]


# ------------------------------------------------------------------------------------------- lines


def test_an_invalid_value_is_ignored_with_a_remark_and_the_earlier_one_stays(tmp_path: Path) -> None:
    unit = one(tmp_path, "MemoryMax=1G\nMemoryMax=1GB\n")
    assert value(unit, "MemoryMax") == 1 << 30
    assert [(remark.at.line, "MemoryMax" in remark.message) for remark in unit.remarks] == [(4, True)]


def test_an_empty_value_sets_back(tmp_path: Path) -> None:
    unit = one(
        tmp_path,
        "MemoryMax=1G\nMemoryMax=\nOOMScoreAdjust=5\nOOMScoreAdjust=\nUser=a\nUser=\nMemoryLow=1G\nMemoryLow=\n",
    )
    assert (value(unit, "MemoryMax"), value(unit, "OOMScoreAdjust"), value(unit, "User")) == (UNLIMITED, None, None)
    assert value(unit, "MemoryLow") == 0


def test_a_percentage_needs_ram(tmp_path: Path) -> None:
    assert value(one(tmp_path / "a", "MemoryMax=25%\n"), "MemoryMax") == RAM // 4
    setting = one(tmp_path / "b", "MemoryMax=25%\n", ram=None).get("Service", "MemoryMax")
    assert setting is not None
    assert setting.value is UNKNOWN
    assert isinstance(setting.origin, NotKnown)
    assert setting.origin.at == File(f"{ETC}/x.service", 3, (11, 14))


def test_keys_and_sections_are_case_sensitive(tmp_path: Path) -> None:
    unit = one(tmp_path, "memorymax=1G\n[service]\nMemoryMax=2G\n[Slice]\nMemoryMax=3G\n[Unit]\nMemoryMax=4G\n")
    assert value(unit, "MemoryMax") is None
    assert [remark.at.line for remark in unit.remarks] == [3, 4, 6, 9]


def test_continuation_passes_over_comments_and_ends_at_an_empty_line(tmp_path: Path) -> None:
    unit = one(tmp_path, "MemoryMax=1G\\\n# a comment\n 512M\nMemoryHigh=\\\n\nMemoryHigh=7M\\\n")
    assert (value(unit, "MemoryMax"), value(unit, "MemoryHigh")) == ((1 << 30) + 512 * MiB, 7 * MiB)


def test_a_trailing_comment_belongs_to_the_value(tmp_path: Path) -> None:
    assert value(one(tmp_path, "MemoryMax=1G # one\n"), "MemoryMax") is None


@pytest.mark.parametrize(
    "text",
    [
        b"MemoryMax=5M\r\n",
        b"MemoryMax=5M\rMemoryHigh=1M\n",
        b"MemoryMax=5M\0",
        b"# caf\xe9\nMemoryMax=5M\n",
        b"\xef\xbb\xbfMemoryMax=5M",
        b"  MemoryMax \t=  5M  ",
    ],
)
def test_line_ends_byte_order_mark_and_foreign_comments_do_no_harm(tmp_path: Path, text: bytes) -> None:
    assert value(one(tmp_path, text), "MemoryMax") == 5 * MiB


@pytest.mark.parametrize("text", [b"Description=\xe9\n", b"[Service\n", b"#" * MAX_LINE + b"\n", b'User=":"\n'])
def test_what_is_fatal_refuses_a_unit_but_only_ends_a_drop_in(tmp_path: Path, text: bytes) -> None:
    assert one(tmp_path / "a", text).state == "bad"
    drop_in = b"[Service]\nMemoryMax=5M\n" + text + b"\nMemoryMax=6M\n"
    files = {f"{ETC}/x.service": service(), f"{ETC}/x.service.d/1.conf": drop_in}
    unit = units(tree(tmp_path / "b", files))["x.service"]
    assert (unit.state, value(unit, "MemoryMax")) == ("loaded", 5 * MiB)
    assert [remark.at.path for remark in unit.remarks] == [f"{ETC}/x.service.d/1.conf"]


def test_a_line_just_short_of_a_mebibyte_is_read(tmp_path: Path) -> None:
    assert value(one(tmp_path, b"#" * (MAX_LINE - 1) + b"\nMemoryMax=5M\n"), "MemoryMax") == 5 * MiB


def test_memory_limit_is_another_property(tmp_path: Path) -> None:
    unit = one(tmp_path, "MemoryLimit=1G\n")
    assert (value(unit, "MemoryMax"), value(unit, "MemoryLimit")) == (None, 1 << 30)
    assert len(unit.remarks) == 1


def test_start_limits_have_two_spellings(tmp_path: Path) -> None:
    unit = one(tmp_path, "StartLimitBurst=3\nStartLimitInterval=1min\n[Unit]\nStartLimitBurst=4\n")
    assert value(unit, "StartLimitBurst", "Unit") == 4
    assert value(unit, "StartLimitIntervalSec", "Unit") == 60


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    lines = 'Environment="DB_PASSWORD=hunter2" A=1\nDATABASE_TOKEN=hunter2\nEnvironment=REDIS=redis://u:hunter2@h/0\n'
    lines += "ExecStartPre=/usr/bin/mysql -phunter2\nExecStartPre=/bin/a --token hunter2\nMemoryMax=1G\n"
    unit = one(tmp_path, lines)
    texts = [line.at.text for line in unit.assignments]
    assert not any("hunter2" in text for text in [*texts, *map(str, unit.remarks)])
    assert (texts[0], texts[-1]) == ("ExecStart=/bin/true", "MemoryMax=1G")
    assert [command.shown for command in unit.commands("ExecStartPre")] == [
        "/usr/bin/mysql -p***",
        "/bin/a --token ***",
    ]
    assert unit.commands("ExecStartPre")[0].words[1] == "-phunter2"


# ------------------------------------------------------------------------------------------- slices


def test_slices_nest_by_their_names(tmp_path: Path) -> None:
    host = units(tree(tmp_path, {f"{ETC}/x.service": service("Slice=a-b-c.slice\n")}))
    assert [unit.name for unit in host.slices("x.service")] == ["a-b-c.slice", "a-b.slice", "a.slice", "-.slice"]


def test_a_slice_needs_no_file_and_reads_drop_ins_of_its_prefixes(tmp_path: Path) -> None:
    files = {
        f"{ETC}/user-1000.slice.d/1.conf": "[Slice]\nMemoryMax=3M\n",
        f"{ETC}/user-.slice.d/2.conf": "[Slice]\nMemoryHigh=4M\n",
        f"{ETC}/slice.d/0.conf": "[Slice]\nMemoryMax=9M\nMemorySwapMax=8M\n",
    }
    unit = units(tree(tmp_path, files))["user-1000.slice"]
    found = tuple(value(unit, key, "Slice") for key in ("MemoryMax", "MemoryHigh", "MemorySwapMax"))
    assert found == (3 * MiB, 4 * MiB, 8 * MiB)
    assert (unit.slice, unit.state) == ("user.slice", "loaded")


def test_a_service_stands_in_system_slice_and_an_instance_in_its_templates(tmp_path: Path) -> None:
    host = units(tree(tmp_path, {f"{LIB}/x.service": service(), f"{LIB}/a-b@.service": service()}))
    assert host["x.service"].slice == "system.slice"
    assert host["a-b@i.service"].slice == "system-a\\x2db.slice"
    names = [unit.name for unit in host.slices("a-b@i.service")]
    assert names == ["system-a\\x2db.slice", "system.slice", "-.slice"]


def test_a_slice_that_is_no_slice_is_ignored(tmp_path: Path) -> None:
    assert one(tmp_path / "a", "Slice=foo.service\n").slice == "system.slice"
    assert one(tmp_path / "b", "Slice=a--b.slice\n").state == "bad"


# ------------------------------------------------------------------------------------------- enabled


def test_a_link_in_wants_or_requires_enables(tmp_path: Path) -> None:
    files = {
        f"{LIB}/a.service": service(),
        f"{LIB}/b.service": service(),
        f"{LIB}/c.service": service(),
        f"{ETC}/multi-user.target.wants/a.service": f"-> {LIB}/a.service",
        f"{LIB}/basic.target.requires/b.service": "-> ../b.service",
    }
    host = units(tree(tmp_path, files))
    assert host["a.service"].enabled_by == ("multi-user.target",)
    assert [host[name].enabled for name in ("a.service", "b.service", "c.service")] == [True, True, False]
    assert host.enabled() == ["a.service", "b.service"]


def test_an_instance_of_a_template_is_enabled_by_its_name(tmp_path: Path) -> None:
    link = {f"{ETC}/multi-user.target.wants/t@8.2.service": f"-> {LIB}/t@.service"}
    host = units(tree(tmp_path, {f"{LIB}/t@.service": service(), **link}))
    assert list(host) == ["t@8.2.service"]
    assert host["t@8.2.service"].enabled
    assert not host["t@7.4.service"].enabled


def test_a_plain_file_in_wants_enables_nothing_but_a_flattened_link_does(tmp_path: Path) -> None:
    wants = f"{ETC}/multi-user.target.wants"
    files = {f"{LIB}/{name}.service": service() for name in "ab"}
    host = units(tree(tmp_path, {**files, f"{wants}/a.service": service(), f"{wants}/b.service": f"{LIB}/b.service"}))
    assert host.enabled() == ["b.service"]


def test_a_socket_enables_the_service_that_it_starts(tmp_path: Path) -> None:
    wants = f"{ETC}/sockets.target.wants"
    files = {
        **{f"{LIB}/{name}.service": service() for name in ("a", "other", "c@")},
        f"{LIB}/a.socket": "[Socket]\nListenStream=1\n",
        f"{LIB}/b.socket": "[Socket]\nListenStream=2\nService=other.service\n",
        f"{LIB}/c.socket": "[Socket]\nListenStream=3\nAccept=yes\n",
        f"{LIB}/d.timer": "[Timer]\nUnit=other.service\n",
        **{f"{wants}/{name}": f"-> {LIB}/{name}" for name in ("a.socket", "b.socket", "c.socket")},
    }
    host = units(tree(tmp_path, files))
    assert host["a.service"].enabled_by == ("a.socket",)
    assert host["other.service"].enabled_by == ("b.socket",)
    assert host["c@1.service"].enabled_by == ("c.socket",)


def test_a_masked_unit_is_not_enabled(tmp_path: Path) -> None:
    files = {
        f"{LIB}/a.service": service(),
        f"{ETC}/a.service": "",
        f"{ETC}/multi-user.target.wants/a.service": f"-> {LIB}/a.service",
    }
    assert not units(tree(tmp_path, files))["a.service"].enabled


def test_names_are_listed_without_reading_a_unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files: dict[str, str | bytes] = {f"{LIB}/u{number}.service": service() for number in range(50)}
    root = tree(tmp_path, files)
    read: list[str] = []
    original = type(root).read
    monkeypatch.setattr(type(root), "read", lambda self, path: read.append(path) or original(self, path))
    host = units(root)
    assert len(host.of_type("service")) == 50
    assert read == []
    assert host["u7.service"].state == "loaded"
    assert read == [f"{LIB}/u7.service"]


def test_the_managers_own_defaults(tmp_path: Path) -> None:
    files = {
        "/etc/systemd/system.conf": "[Manager]\nDefaultLimitNOFILE=1024:4096\n",
        "/etc/systemd/system.conf.d/9.conf": "[Manager]\nDefaultOOMPolicy=kill\n",
        "/usr/lib/systemd/system.conf.d/5.conf": "[Manager]\nDefaultOOMPolicy=continue\n",
    }
    names = [(line.name, line.value) for line in manager_defaults(tree(tmp_path, files))]
    assert names == [
        ("DefaultLimitNOFILE", "1024:4096"),
        ("DefaultOOMPolicy", "continue"),
        ("DefaultOOMPolicy", "kill"),
    ]


# ------------------------------------------------------------------------------------------- any bytes


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_give_assignments_or_faults_and_nothing_after_a_fatal_one(data: bytes) -> None:
    found = list(parse(b"[Service]\n" + data, "/x", None))
    assert all(isinstance(item, (Assignment, Fault)) for item in found)
    assert not any(isinstance(item, Fault) and item.fatal for item in found[:-1])
    assert all(item.at.line >= 1 for item in found)


TOKENS = "[Service] [Unit] MemoryMax= ExecStart= /bin/true Environment= LimitNOFILE= User= Slice= # = @ - ;".split()
TOKENS += ["%i", "%z", "'", '"', "\\", "1G", "50%", "$A", "${A}", " ", "\n", "\n", "\r", "\0", "\ufeff", "é"]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(st.lists(st.sampled_from(TOKENS), max_size=25).map("".join), st.binary(max_size=40))
def test_any_unit_is_loaded_masked_or_refused(tmp_path: Path, text: str, tail: bytes) -> None:
    root = tree(tmp_path, {f"{LIB}/x@.service": text.encode() + tail, f"{ETC}/x@.service.d/1.conf": tail})
    unit = Units(root, None)["x@i.service"]
    assert unit.state in ("loaded", "masked", "bad")
    assert (unit.state == "bad") == bool(unit.refusals)
    unit.get("Service", "MemoryMax")
    unit.commands()


@settings(deadline=None)
@given(
    good=st.sampled_from(["1G", "512M", "50%", "infinity"]),
    bad=st.lists(st.sampled_from(["1g", "1GB", "0", "200%", "max", '"1G"', "1 2", "-1", "1G 1T"]), max_size=4),
)
def test_the_earlier_valid_value_stays(tmp_path_factory: pytest.TempPathFactory, good: str, bad: list[str]) -> None:
    lines = "".join(f"MemoryMax={text}\n" for text in [good, *bad])
    place = tmp_path_factory.mktemp("host")
    assert value(one(place, lines), "MemoryMax") == value(one(place, f"MemoryMax={good}\n"), "MemoryMax")


def test_a_folder_in_place_of_a_unit_is_an_error_of_this_library_or_no_unit(tmp_path: Path) -> None:
    (tmp_path / f"{LIB[1:]}/x.service").mkdir(parents=True)
    host = units(tree(tmp_path, {f"{LIB}/y.service": service()}))
    assert "x.service" not in host
    with pytest.raises(CapacityError):
        host.slices("x.service")
