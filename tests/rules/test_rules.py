"""Every rule has two trees under tests/hosts/rules: one that fires and one that is silent. What it shows is there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import capacity
from capacity.evidence import marks
from capacity.findings import Edit, Finding, Rule
from capacity.host import Host
from capacity.report.words import amount
from capacity.root import open_root
from capacity.rules import all_rules, page
from capacity.settings import File, Setting
from capacity.units import KiB, MiB

TREES = Path(__file__).parents[1] / "hosts" / "rules"
INCIDENT = Path(__file__).parents[1] / "hosts" / "incident"
RULES = {rule.name: rule for rule in all_rules().values()}

POOL = "/etc/php/8.2/fpm/pool.d/www.conf"
INI = "/etc/php/8.2/fpm/php.ini"
OPTIONS = "/etc/mysql/mariadb.conf.d/50-server.cnf"
STRAY = "/etc/mysql/mysql.conf.d/performance.cnf"
UNIT = "/usr/lib/systemd/system/php8.2-fpm.service"

# What each rule points at in its tree: (file, line, the text under the caret, whether it is a value that lost).
EVIDENCE: dict[str, list[tuple[str, int, str, bool]]] = {
    "bill_does_not_fit": [(POOL, 5, "40", False), (POOL, 6, "512M", False)],
    "swap_level": [("/proc/meminfo", 2, "2097152 kB", False)],
    "swap_is_needed": [("/proc/meminfo", 2, "4194304 kB", False)],
    "pool_promises_more_than_the_ram": [
        (POOL, 5, "4", False), (POOL, 6, "2048M", False), (INI, 1, "128M", True),
    ],
    "pool_has_no_limit": [(POOL, 6, "-1", False), (INI, 1, "128M", True)],
    "limit_can_be_raised": [(INI, 1, "128M", False)],
    "soft_limit_doubles_the_promise": [(POOL, 7, "150", False)],
    "option_file_never_read": [(STRAY, 2, "2G", False), (OPTIONS, 4, "256M", False)],
    "sessions_are_not_coupled": [(OPTIONS, 6, "0.0.0.0", False), (OPTIONS, 2, "127.0.0.1", True)],
    "sessions_promise_more_than_clients_open": [(OPTIONS, 6, "200", False), (OPTIONS, 3, "10", True)],
    "program_refuses": [(POOL, 5, "many", False), (POOL, 1, "www", False)],
    "not_read": [(OPTIONS, 7, "1", False)],
    "value_not_known": [(POOL, 5, "${CHILDREN}", False)],
    "not_priced": [(UNIT, 0, "", False)],
    "version_not_known": [("/etc/php/8.2/fpm/php-fpm.conf", 0, "", False)],
    "links_written_out": [("/etc/mysql/my.cnf", 0, "", False)],
    "file_never_read": [("/etc/php/8.2/fpm/pool.d/shop.conf.disabled", 0, "", False)],
    "memory_high_is_no_wall": [(UNIT, 5, "256M", False)],
    "wall_is_smaller_than_what_is_inside": [(UNIT, 5, "256M", False)],
}  # fmt: skip


def of(rule: str, host: Host) -> list[Finding]:
    return [finding for finding in host.findings() if finding.rule == rule]


def hosts() -> list[Path]:
    return [*sorted(TREES.glob("*/*")), INCIDENT / "before", INCIDENT / "after-first-fix"]


# ---------------------------------------------------------------------------------------------- the trees


def test_every_rule_has_a_tree_that_fires_and_one_that_is_silent() -> None:
    assert sorted(path.name for path in TREES.iterdir()) == sorted(RULES) == sorted(EVIDENCE)
    for name in RULES:
        assert sorted(path.name for path in (TREES / name).iterdir()) == ["fires", "silent"], name


@pytest.mark.parametrize("name", RULES)
def test_a_rule_fires_in_its_tree_alone_and_points_at_the_values(name: str) -> None:
    found = of(name, capacity.read_host(TREES / name / "fires"))
    assert {finding.code for finding in found} == {RULES[name].code}
    shown = [mark for finding in found for mark in finding.marks]
    assert [(mark.at.path, mark.at.line, under(mark.at), mark.loser) for mark in shown] == EVIDENCE[name]
    assert of(name, capacity.read_host(TREES / name / "silent")) == []


def under(at: File) -> str:
    return at.text[at.span[0] - 1 : at.span[1] - 1]


def test_the_consequence_is_in_bytes() -> None:
    def size(name: str) -> int | None:
        (found,) = of(name, capacity.read_host(TREES / name / "fires"))
        return found.bytes

    assert size("swap_level") == (2097152 - 377487) * KiB
    assert size("soft_limit_doubles_the_promise") == 4 * 32 * MiB
    host = capacity.read_host(TREES / "wall_is_smaller_than_what_is_inside" / "fires")
    inside = sum(claim.total for claim in host.bill("promised").claims)
    assert size("wall_is_smaller_than_what_is_inside") == inside - 256 * MiB
    host = capacity.read_host(TREES / "swap_is_needed" / "fires")
    assert size("swap_is_needed") == host.bill().bounded_total - host.bill().budget.total
    host = capacity.read_host(TREES / "pool_promises_more_than_the_ram" / "fires")
    children = sum(claim.total for claim in host.bill().claims if claim.count == 4)
    assert size("pool_promises_more_than_the_ram") == children - 4096000 * KiB
    host = capacity.read_host(TREES / "sessions_promise_more_than_clients_open" / "fires")
    session = sum(claim.each for claim in host.bill().claims if claim.name in {"session_memory", "session_page_tables"})
    # 200 and one with the right to it, against 4 children and 5 others
    assert size("sessions_promise_more_than_clients_open") == (201 - 9) * session


# ---------------------------------------------------------------------------------------------- carets


@pytest.mark.parametrize("tree", hosts(), ids=lambda path: f"{path.parent.name}-{path.name}")
def test_every_place_of_a_host_is_the_text_of_its_file(tree: Path) -> None:
    host = capacity.read_host(tree)
    places = [mark.at for finding in host.findings() for mark in finding.marks]
    for row in host.settings:
        for setting in (row.setting, *row.setting.overrode):
            places += [mark.at for mark in marks(setting, "")]
            if isinstance(setting.origin, File) and setting.origin.text and setting.text:
                assert spelled(setting) == setting.text, setting
    assert places
    for at in places:
        if at.line:
            assert at.text == line_of(tree, at), at
            assert 1 <= at.span[0] < at.span[1] <= len(at.text) + 1, at


def spelled(setting: Setting) -> str:
    """What stands under the caret, without the quotes that the value lost."""
    assert isinstance(setting.origin, File)
    return under(setting.origin).strip("\"'")


def line_of(tree: Path, at: File) -> str:
    return open_root(tree).read(at.path).decode().split("\n")[at.line - 1]


# ---------------------------------------------------------------------------------------------- fixes


def with_change() -> list[tuple[str, int]]:
    """(tree, which finding) of every finding whose fix is a change of the model."""
    return [
        (str(tree.relative_to(TREES.parent)), index)
        for tree in hosts()
        for index, finding in enumerate(capacity.read_host(tree).findings())
        if finding.change is not None
    ]


@pytest.mark.parametrize(("tree", "index"), with_change(), ids=str)
def test_a_fix_takes_its_finding_away_and_says_the_bill_after_it(tree: str, index: int) -> None:
    host = capacity.read_host(TREES.parent / tree)
    finding = host.findings()[index]
    assert finding.change is not None
    after = host.but(dict([finding.change]))
    bill = after.bill()
    assert finding.after.startswith(f"{amount(bill)}, ")
    assert finding.after.endswith(f"verdict {bill.verdict}")
    assert bill.bounded_total <= host.bill().bounded_total or finding.rule == "pool_has_no_limit"
    assert not [one for one in of(finding.rule, after) if one.change and one.change[0] == finding.change[0]]


@pytest.mark.parametrize(("tree", "index"), with_change(), ids=str)
def test_an_edit_that_is_typed_gives_the_bill_that_was_promised(tree: str, index: int, tmp_path: Path) -> None:
    host = capacity.read_host(TREES.parent / tree)
    finding = host.findings()[index]
    if not isinstance(finding.fix, Edit):
        assert isinstance(finding.fix, str)
        return
    copy = tmp_path / "host"
    shutil.copytree(TREES.parent / tree, copy, symlinks=True)
    place = copy / finding.fix.file.lstrip("/")
    lines = place.read_text().split("\n")
    assert lines[finding.fix.line - 1] == finding.fix.remove
    lines[finding.fix.line - 1] = finding.fix.insert
    place.write_text("\n".join(lines))
    assert finding.change is not None
    typed, promised = capacity.read_host(copy), host.but(dict([finding.change]))
    for scenario in ("reachable", "promised"):
        assert typed.bill(scenario).total == promised.bill(scenario).total
    assert of(finding.rule, typed) == []


# ---------------------------------------------------------------------------------------------- pages


@pytest.mark.parametrize("rule", all_rules().values(), ids=lambda rule: rule.code)
def test_every_rule_is_a_page(rule: Rule) -> None:
    lines = list(page(rule.code))
    assert lines[0] == f"{rule.code} {rule.name.replace('_', ' ')}"
    assert lines[1].endswith((".", "?"))
    for word in ("Why:", "Fix:", "Source:"):
        assert sum(line.startswith(word) for line in lines) == 1, word
    assert max(map(len, lines)) <= 116
