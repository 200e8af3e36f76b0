"""The reader for units against systemd itself: `systemd --test` loads the same trees and prints what it made of them.

Values, drop-ins, command lines and raw lines are drawn at random, with fixed seeds, from parts that are likely to
matter; whatever systemd says of a unit, the reader has to say.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from capacity.arithmetic import UNLIMITED
from capacity.readers.systemd import Unit, Units, units
from capacity.readers.systemd.environment import env_file
from capacity.readers.systemd.values import Rlimit, seconds
from capacity.root import open_root
from tests.real.systemd_dump import loaded, write_tree

pytestmark = pytest.mark.real

ETC, RUN, LIB = "/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system"
HOMES = (ETC, RUN, LIB, "/lib/systemd/system", "/usr/local/lib/systemd/system", "/run/systemd/generator")
RAM = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
NO_LIMIT = 2**64 - 1
STATES = {"loaded": "loaded", "bad": "bad-setting", "masked": "masked", "missing": "not-found"}

Dump = dict[str, list[str]]


def both(place: Path, files: dict[str, str | bytes], names: tuple[str, ...]) -> tuple[Units, dict[str, Dump]]:
    """The units as the reader has them and as systemd has them."""
    tree = write_tree(place, files, names)
    return units(open_root(tree), RAM), loaded(tree)


def value(unit: Unit, key: str, default: object = None, section: str = "Service") -> object:
    setting = unit.get(section, key)
    return default if setting is None else setting.value


def printed(size: object) -> str:
    """A number as systemd prints it: no limit is 2^64 - 1."""
    return str(NO_LIMIT if size == UNLIMITED else size)


def same_state(unit: Unit, dump: Dump) -> bool:
    """Assert that both say the same of a unit's state; whether it is loaded."""
    state = dump["Unit Load State"][0]
    assert STATES[unit.state] == ("bad-setting" if state == "error" else state), (unit.name, unit.refusals)
    return state == "loaded"


# ------------------------------------------------------------------------------------------- values

PARTS = "0 1 5 12 010 0x10 0b11 0o17 1.5 1. 0.3 .5 18446744073709551615 18446744073709551614 99999999999999999999 -1 +3"
PARTS += " K M G T P E B k g % ‰ ‱ : infinity max 50% 12.5% 0.25% 33.333% 100% 200% 1G 512M 64K"
PARTS += " s ms min h month us d y μs yes no on off 1000 -1000 1001"
PARTS += ' always on-failure on-abnormal stop kill continue # " \\\\'
ATOMS = [*PARTS.split(" "), " ", "\t"]
MEMORY = {"MemoryMax": UNLIMITED, "MemoryHigh": UNLIMITED, "MemorySwapMax": UNLIMITED, "MemoryLimit": UNLIMITED}
MEMORY |= {"MemoryMin": 0, "MemoryLow": 0}
LIMITS = ("LimitNOFILE", "LimitAS", "LimitNPROC", "LimitMEMLOCK")
WORDS = {"Restart": "no", "Delegate": "no"}


def some_value(draw: random.Random) -> str:
    if draw.random() < 0.1:
        return ""
    return "".join(draw.choice(ATOMS) for _ in range(draw.choice((1, 1, 1, 2, 2, 3, 4))))


@pytest.mark.parametrize("seed", range(3))
def test_values_in_force_are_those_of_systemd(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    keys = [*MEMORY, *LIMITS, *WORDS, "OOMScoreAdjust", "OOMPolicy", "RestartSec"]
    names = tuple(f"u{number}.service" for number in range(300))
    files: dict[str, str | bytes] = {}
    for name in names:
        lines = [f"{key}={some_value(draw)}\n" for key in keys for _ in range(draw.randint(0, 3))]
        draw.shuffle(lines)
        files[f"{ETC}/{name}"] = "[Service]\nExecStart=/bin/true\n" + "".join(lines)
    host, dumps = both(tmp_path, files, names)
    compared = 0
    for name in names:
        unit, dump = host[name], dumps[name]
        if same_state(unit, dump):
            compared += 1
            assert_same_values(unit, dump)
    assert compared > 100


def assert_same_values(unit: Unit, dump: Dump) -> None:
    for key, default in MEMORY.items():
        assert printed(value(unit, key, default)) == dump[key][0], (unit.name, key)
    for key in LIMITS:
        limit = value(unit, key)
        if isinstance(limit, Rlimit):
            assert [printed(limit.hard), printed(limit.soft)] == [dump[key][0], dump[f"{key}Soft"][0]], (unit.name, key)
    for key, word in WORDS.items():
        found = value(unit, key, word)
        mine = ("yes" if found else "no") if isinstance(found, bool) else found
        assert mine == dump[key][0], (unit.name, key)
    adjustment = value(unit, "OOMScoreAdjust")
    assert adjustment is None or [str(adjustment)] == dump["OOMScoreAdjust"], unit.name
    policy = value(unit, "OOMPolicy", "continue" if value(unit, "Delegate") else "stop")
    assert policy == dump["OOMPolicy"][0], unit.name
    shown = dump["RestartSec"][0]
    real = 0 if shown == "0" else seconds(shown)
    span = value(unit, "RestartSec", 0.1)
    assert isinstance(span, (int, float))
    assert real is not None
    # systemd prints spans of a second and more without what lies below the second
    assert span == real or (span >= 1 and span - span % 1 == real), (unit.name, span, shown)


# ------------------------------------------------------------------------------------------- commands, drop-ins

PIECES = [
    *"a 'b \"d \\x41 \\n \\q \\; ; %i %I %n %N %p %P %j %% %f %z %t %S %d \" ' \\ é foo//bar \\101 \\u00e9".split()
]
PIECES += ["'b c'", '"d e"', " ", "  ", "\t", "\\\n ", "\\\n#c\n", "a;b", "@", "+", "!", ":", "-", "/usr//bin/./x"]
PAIRS = ["A=1", '"B=2 3"', "'C=4'", "D=%i", "E=\\x41", "F", "=g", "1H=1", "I=%z", "J=a\\qb"]
PAIRS += ['K="x y"', "L=é", "M='", "N=%%"]
LINES = ["[X-foo]", "[service]", "[Slice]", "[Unit]", "[Service]", "foo", "=x", "# c\\", "; x", "Type=oneshot"]
LINES += ["User=root", "User=a b", "User=a:b", "WorkingDirectory=x", "MemoryMax=5M", "memorymax=6M"]
LINES += ["\ufeffMemoryMax=7M", "MemoryHigh=1M\\"]


STARTS = "[Service]\nExecStart=\nExecStart=/bin/true\n"


def some_line(draw: random.Random) -> str:
    kind = draw.random()
    if kind < 0.5:
        flags = "".join(draw.choice(("", "", "-", "@", "+", "!", "!!", ":")) for _ in range(2))
        words = "".join(draw.choice(PIECES) + (" " if draw.random() < 0.6 else "") for _ in range(draw.randint(0, 7)))
        return "ExecStart=" + (f"{flags}/bin/true {words}" if draw.random() < 0.9 else "")
    if kind < 0.75:
        return "Environment=" + " ".join(draw.choice(PAIRS) for _ in range(draw.randint(0, 3)))
    return draw.choice(LINES)


def some_text(draw: random.Random, lines: int) -> str:
    return "\n".join(["[Service]", *(some_line(draw) for _ in range(lines)), ""])


def some_units(draw: random.Random, count: int) -> tuple[dict[str, str | bytes], tuple[str, ...]]:
    """Fragments, templates, instances and drop-ins in any of the places."""
    files: dict[str, str | bytes] = {}
    names: list[str] = []
    for number in range(count):
        stem = draw.choice(("a{}", "a{}-b", "a{}-b-c", "a{}@", "a{}-b@", "a{}-", "a{}--e")).format(number)
        instance = draw.choice(("i", "i-j", "x\\x2dy", "1.2", "a@b")) if stem.endswith("@") else ""
        name, template = f"{stem}{instance}.service", f"{stem}.service"
        files[f"{draw.choice(HOMES)}/{template}"] = some_text(draw, draw.randint(0, 3)) + draw.choice(("", STARTS))
        if draw.random() < 0.3:
            files[f"{draw.choice(HOMES)}/{name}"] = some_text(draw, 3)
        base, at = stem.rstrip("@").split("-"), "@" if instance else ""
        folders = [f"{name}.d", f"{template}.d"]
        for length in range(1, len(base)):
            shorter = "-".join(base[:length]) + "-"
            folders += [f"{shorter}.service.d", f"{shorter}{at}{instance}.service.d", f"{shorter}{at}.service.d"]
        for _ in range(draw.randint(0, 5)):
            file = draw.choice(("10.conf", "20.conf", "30-x.conf", ".h.conf", "z.CONF", "5.conf", "B.conf"))
            text = draw.choice((some_text(draw, 1), "", f"[Service]\nMemoryMax={draw.randint(1, 99)}M\n"))
            files[f"{draw.choice(HOMES)}/{draw.choice(folders)}/{file}"] = text
        names.append(name)
    return files, tuple(names)


_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"|([^ "]+)')


def words_of(line: str) -> tuple[str, ...]:
    """The words of a command line as systemd prints it: in double quotes where needed, with backslashes inside."""
    return tuple(_ESCAPE.sub(meant, m[1]) if m[2] is None else m[2] for m in _QUOTED.finditer(line))


_ESCAPE = re.compile(r"\\([0-7]{3}|.)")


def meant(escape: re.Match[str]) -> str:
    """What an escape of a printed command line stands for."""
    text = escape[1]
    return chr(int(text, 8)) if len(text) == 3 else dict(zip("abfnrtv", "\a\b\f\n\r\t\v")).get(text, text)


@pytest.mark.parametrize("seed", range(4))
def test_files_commands_and_variables_are_those_of_systemd(tmp_path: Path, seed: int) -> None:
    files, names = some_units(random.Random(seed), 250)
    host, dumps = both(tmp_path, files, names)
    compared = 0
    for name in names:
        unit, dump = host[name], dumps[name]
        if not same_state(unit, dump):
            continue
        compared += 1
        drop_ins = [f"{tmp_path}{path}" for path in unit.files_read if path != unit.fragment]
        assert [f"{tmp_path}{unit.fragment}"] == dump["Fragment Path"]
        assert drop_ins == dump.get("DropIn Path", []), name
        assert printed(value(unit, "MemoryMax", UNLIMITED)) == dump["MemoryMax"][0], name
        assert (unit.slice, unit.type) == (dump["Slice"][0], dump["Type"][0]), name
        variables = dict(pair.split("=", 1) for pair in dump.get("Environment", []))
        assert unit.environment().values == variables, name
        mine = [command.words for line in unit.all("Service", "ExecStart") for command in unit.split(line)]
        real = dump.get("ExecStart.Command Line", [])
        plain = [(one, words_of(line)) for one, line in zip(mine, real) if "$'" not in line and line.isprintable()]
        assert len(mine) == len(real), name
        assert [one for one, _ in plain] == [two for _, two in plain], name
    assert compared > 50


# ------------------------------------------------------------------------------------------- raw lines

BYTES = [
    b"\n",
    b"\n",
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\r",
    b"\0",
    b"\n\0",
    b"\\",
    b"\\\n",
    b"\\\n#c\n",
    b"\\\\\n",
    b"\\\r\n",
]
BYTES += [b"[Service]", b"[Service]\n", b"[Slice]", b"[Unit]\n", b"[X-a]", b"[", b"]", b"=", b" ", b"\t", b"#", b"; "]
BYTES += [
    b"MemoryMax=%dM",
    b"MemoryMax=%dM\n",
    b"MemoryHigh=%dM\n",
    b"%dK",
    b"OOMScoreAdjust=%d\n",
    b"Environment=A%d=1\n",
]
BYTES += [b"\xef\xbb\xbf", b"\xff", b"\xc3\xa9", b"\v", b"\f", b"\\\0"]


def some_bytes(draw: random.Random) -> bytes:
    parts = (draw.choice(BYTES) for _ in range(draw.randint(0, 14)))
    return b"".join(part % draw.randint(1, 99) if b"%d" in part else part for part in parts)


@pytest.mark.parametrize("seed", range(3))
def test_lines_are_those_of_systemd(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    names = tuple(f"r{number}.service" for number in range(250))
    files: dict[str, str | bytes] = {}
    for name in names:
        head = draw.choice((b"[Service]\n", b"[Service]\n", b"\xef\xbb\xbf[Service]\n"))
        files[f"{ETC}/{name}"] = head + b"ExecStart=/bin/true\n" + some_bytes(draw)
        if draw.random() < 0.5:
            files[f"{ETC}/{name}.d/1.conf"] = b"[Service]\n" + some_bytes(draw)
    long = (b"[Service]\nMemoryHigh=7M\n", b"\nMemoryHigh=8M\n")
    for name, length in zip(names, (2**20 - 1, 2**20, 2**20 + 1)):
        files[f"{ETC}/{name}.d/2.conf"] = long[0] + b"#" * length + long[1]
        files[f"{ETC}/{name}.d/3.conf"] = (
            long[0] + b"A=" + b"a" * 600_000 + b"\\\n" + b"a" * (length - 600_003) + long[1]
        )
    host, dumps = both(tmp_path, files, names)
    loaded_ones = [name for name in names if same_state(host[name], dumps[name])]
    for name in loaded_ones:
        unit, dump = host[name], dumps[name]
        for key in ("MemoryMax", "MemoryHigh"):
            assert printed(value(unit, key, UNLIMITED)) == dump[key][0], (name, key, files[f"{ETC}/{name}"])
        adjustment = value(unit, "OOMScoreAdjust")
        assert adjustment is None or [str(adjustment)] == dump["OOMScoreAdjust"], name
        variables = dict(pair.split("=", 1) for pair in dump.get("Environment", []))
        assert unit.environment().values == variables, name
    assert len(loaded_ones) > 80


# ------------------------------------------------------------------------------------------- names and slices


def test_aliases_masks_and_links_are_those_of_systemd(tmp_path: Path) -> None:
    start: Callable[[str], str] = "[Service]\nExecStart=/bin/true {}\n".format
    files: dict[str, str | bytes] = {
        f"{LIB}/a.service": start("lib"),
        f"{ETC}/al.service": "-> ../../../usr/lib/systemd/system/a.service",
        f"{ETC}/al.service.d/5.conf": "[Service]\nMemoryMax=5M\n",
        f"{LIB}/b.service": start("lib"),
        f"{ETC}/b.service": start("etc"),
        f"{RUN}/bl.service": "-> ../../../usr/lib/systemd/system/b.service",
        "/srv/other.service": start("srv"),
        f"{ETC}/e.service": "-> ../../../srv/other.service",
        f"{LIB}/t@.service": start("%i"),
        f"{ETC}/tl@.service": "-> ../../../usr/lib/systemd/system/t@.service",
        f"{ETC}/q@x.service": "-> ../../../usr/lib/systemd/system/t@.service",
        f"{ETC}/t@.service.d/1.conf": "[Service]\nMemoryMax=1M\n",
        f"{ETC}/tl@.service.d/2.conf": "[Service]\nMemoryHigh=2M\n",
        f"{ETC}/bad.service": "-> ../../../usr/lib/systemd/system/t@.service",
        f"{LIB}/bad.service": start("lib"),
        f"{ETC}/c.service": "",
        f"{LIB}/c.service": start("lib"),
        f"{ETC}/l1.service": "-> l2.service",
        f"{ETC}/l2.service": "-> l1.service",
    }
    names = ("a", "al", "b", "bl", "e", "bad", "c", "l1", "t@x", "t@y", "tl@x", "q@x")
    host, dumps = both(tmp_path, files, tuple(f"{name}.service" for name in names))
    for name in ("a", "b", "e", "bad", "t@x", "t@y"):
        unit, dump = host[f"{name}.service"], dumps[f"{name}.service"]
        assert same_state(unit, dump)
        assert [f"{tmp_path}{unit.fragment}"] == dump["Fragment Path"]
        assert set(unit.aliases) == set(dump.get("Alias", []))
        assert [f"{tmp_path}{path}" for path in unit.files_read[1:]] == dump.get("DropIn Path", [])
        assert [printed(value(unit, key, UNLIMITED)) for key in ("MemoryMax", "MemoryHigh")] == [
            dump["MemoryMax"][0],
            dump["MemoryHigh"][0],
        ]
    assert [same_state(host[f"{name}.service"], dumps[f"{name}.service"]) for name in ("c", "l1")] == [False, False]
    assert [host[f"{name}.service"].name for name in ("al", "bl", "tl@x", "q@x")] == [
        *("a.service", "b.service", "t@x.service", "t@x.service"),
    ]


def test_slices_are_those_of_systemd(tmp_path: Path) -> None:
    written = ("a-b.slice", "-.slice", "a@b.slice", "%p.slice", "a b.slice", "foo.service", "", "user-1000.slice")
    start = "[Service]\nExecStart=/bin/true\n"
    files: dict[str, str | bytes] = {
        **{f"{ETC}/s{number}.service": f"{start}Slice={name}\n" for number, name in enumerate(written)},
        f"{ETC}/user-1000.slice.d/1.conf": "[Slice]\nMemoryMax=3M\n",
        f"{ETC}/user-.slice.d/2.conf": "[Slice]\nMemoryHigh=4M\n",
        f"{ETC}/slice.d/0.conf": "[Slice]\nMemoryMax=9M\nMemorySwapMax=8M\n",
        f"{LIB}/t-u@.service": start,
    }
    names = (*(f"s{number}.service" for number in range(len(written))), "t-u@i.service")
    host, dumps = both(tmp_path, files, names)
    for name in names:
        assert host[name].slice == dumps[name]["Slice"][0], name
    for name in ("user-1000.slice", "user.slice", "system.slice", "a-b.slice"):
        unit, dump = host[name], dumps[name]
        assert (unit.slice, unit.state) == (dump["Slice"][0], dump["Unit Load State"][0])
        for key in ("MemoryMax", "MemoryHigh", "MemorySwapMax"):
            assert printed(value(unit, key, UNLIMITED, "Slice")) == dump[key][0], (name, key)


# ------------------------------------------------------------------------------------------- environment files

SHELL = ["a", "b c", " ", "  ", "\t", "'", '"', "\\", "\\\\", "\\n", "$", "`", "#", "; ", "é", "=", "\\\n", "\\$", "\r"]
SHELL += ["x=y", "'a b'", '"c d"', '\\"']
SHOWN = {"ID": "%o", "VERSION_ID": "%w", "BUILD_ID": "%B", "VARIANT_ID": "%W", "IMAGE_VERSION": "%A", "IMAGE_ID": "%M"}


@pytest.mark.parametrize("seed", range(12))
def test_environment_files_are_those_of_systemd(tmp_path: Path, seed: int) -> None:
    """os-release is read by the same code as EnvironmentFile=, and specifiers show its values in a loaded unit."""
    draw = random.Random(seed)
    text = ""
    for key in SHOWN:
        comment = draw.choice(("", "", "# c\n", "; c\\\n", "# c\\\\\n"))
        parts = "".join(draw.choice(SHELL) for _ in range(draw.randint(0, 5)))
        text += (
            comment
            + draw.choice(("", " "))
            + key
            + draw.choice(("=", "= ", " ="))
            + parts
            + draw.choice(("\n", "\n\n"))
        )
    text = text.rstrip("\n") if draw.random() < 0.3 else text
    files: dict[str, str | bytes] = {"/release": text}
    files |= {
        f"{ETC}/{key}.service": f'[Service]\nExecStart=/bin/true\nEnvironment="V={SHOWN[key]}"\n' for key in SHOWN
    }
    tree = write_tree(tmp_path, files, tuple(f"{key}.service" for key in SHOWN))
    dumps = loaded(tree, env={"SYSTEMD_OS_RELEASE": f"{tree}/release"})
    mine = {name: found for name, found, _ in env_file(text.encode())}
    for key in SHOWN:
        real = dumps[f"{key}.service"].get("Environment", [""])[0].removeprefix("V=")
        if not {"\n", "\r"} & set(mine.get(key, "")):  # the dump does not show line ends
            assert mine.get(key, "") == real, (key, text)
