"""Versions from package databases, the distribution, and accounts of the host."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from capacity.readers.accounts import account, group_number
from capacity.readers.packages import distribution, installed
from capacity.root import Root
from tests.readers.trees import tree

DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n'


def stanza(name: str, version: str, status: str = "install ok installed") -> str:
    rest = "Description: x\n Package: not-this\n\n"
    return f"Package: {name}\nStatus: {status}\nMaintainer: A\nVersion: {version}\n{rest}"


def dpkg(place: Path, *stanzas: str) -> Root:
    return tree(place, {"/var/lib/dpkg/status": "".join(stanzas), "/etc/os-release": DEBIAN})


def versions(root: Root, *names: str) -> dict[str, str]:
    return {name: package.version for name, package in installed(root, names).packages.items()}


def test_dpkg_names_patterns_and_states(tmp_path: Path) -> None:
    root = dpkg(
        tmp_path,
        stanza("php8.3-fpm", "8.3.25-1"),
        stanza("php8.2-fpm", "8.2.29-1", "deinstall ok config-files"),
        stanza("php8.1-fpm", "8.1.33-1", "hold ok installed"),
        stanza("mariadb-server", "1:10.11.11-0+deb12u1"),
        stanza("mariadb-server-core", "1:10.11.11-0+deb12u1"),
    )
    assert versions(root, "php*-fpm") == {"php8.3-fpm": "8.3.25-1", "php8.1-fpm": "8.1.33-1"}
    assert versions(root, "mariadb-server", "not-this") == {"mariadb-server": "1:10.11.11-0+deb12u1"}
    found = installed(root, ["mariadb-server"])
    package = found.packages["mariadb-server"]
    assert (package.distribution, package.at.line, package.published, found.known) == ("debian", 22, None, True)


def test_the_line_of_a_stanza(tmp_path: Path) -> None:
    root = dpkg(tmp_path, stanza("a", "1"), stanza("b", "2"), stanza("c", "3"))
    lines = [package.at.line for package in installed(root, ["a", "b", "c"]).packages.values()]
    assert lines == [1, 8, 15]


def test_the_date_comes_from_the_newest_entry_of_the_changelog(tmp_path: Path) -> None:
    text = (
        "php8.3 (8.3.25-1) unstable; urgency=medium\n\n  * New.\n\n"
        " -- A B <a@b>  Thu, 28 Aug 2025 10:00:00 +0200\n\nphp8.3 (8.3.24-1) unstable; urgency=medium\n\n"
        " -- A B <a@b>  Tue, 01 Jul 2025 10:00:00 +0200\n"
    )
    path = "/usr/share/doc/php8.3-fpm/changelog.Debian.gz"
    files = {"/var/lib/dpkg/status": stanza("php8.3-fpm", "8.3.25-1"), path: gzip.compress(text.encode())}
    assert installed(tree(tmp_path, files), ["php8.3-fpm"]).packages["php8.3-fpm"].published == date(2025, 8, 28)


@pytest.mark.parametrize(
    "data", [b"no gzip", gzip.compress(b"no trailer", mtime=0), gzip.compress(b"x" * 10**7, mtime=0)[:40]]
)
def test_a_changelog_that_cannot_be_read_leaves_the_date_unknown(tmp_path: Path, data: bytes) -> None:
    files = {"/var/lib/dpkg/status": stanza("a", "1"), "/usr/share/doc/a/changelog.Debian.gz": data}
    assert installed(tree(tmp_path, files), ["a"]).packages["a"].published is None


def test_images_without_dpkg_keep_parts(tmp_path: Path) -> None:
    files = {"/var/lib/dpkg/status.d/libc6": "Package: libc6\nVersion: 2.36-9\n", "/etc/os-release": DEBIAN}
    assert versions(tree(tmp_path, files), "libc6") == {"libc6": "2.36-9"}


def test_apk(tmp_path: Path) -> None:
    text = "C:Q1\nP:php83-fpm\nV:8.3.21-r0\nA:x86_64\nt:1746700000\n\nC:Q1\nP:nginx\nV:1.26.3-r0\n\n"
    root = tree(tmp_path, {"/lib/apk/db/installed": text, "/etc/os-release": "ID=alpine\nVERSION_ID=3.21.3\n"})
    found = installed(root, ["php*-fpm", "nginx"])
    assert {name: package.version for name, package in found.packages.items()} == {
        "php83-fpm": "8.3.21-r0",
        "nginx": "1.26.3-r0",
    }
    assert found.packages["php83-fpm"].published == date(2025, 5, 8)
    assert found.packages["nginx"].distribution == "alpine"


def test_pacman(tmp_path: Path) -> None:
    desc = "%NAME%\nphp-fpm\n\n%VERSION%\n8.4.7-1\n\n%BUILDDATE%\n1746700000\n\n"
    other = desc.replace("php-fpm", "php-fpm-extra")
    folder = "/var/lib/pacman/local"
    root = tree(tmp_path, {f"{folder}/php-fpm-8.4.7-1/desc": desc, f"{folder}/php-fpm-extra-1-1/desc": other})
    assert versions(root, "php-fpm") == {"php-fpm": "8.4.7-1"}


def test_an_rpm_database_is_named_and_nothing_is_claimed(tmp_path: Path) -> None:
    found = installed(tree(tmp_path, {"/var/lib/rpm/rpmdb.sqlite": b"SQLite format 3\0"}), ["php-fpm"])
    assert (found.known, found.packages) == (False, {})
    assert [remark.at.path for remark in found.remarks] == ["/var/lib/rpm/rpmdb.sqlite"]


def test_without_a_database_nothing_is_known(tmp_path: Path) -> None:
    assert not installed(tree(tmp_path, {"/etc/hostname": "x"}), ["php"]).known


def test_the_distribution(tmp_path: Path) -> None:
    found = distribution(tree(tmp_path / "a", {"/etc/os-release": DEBIAN}))
    assert found is not None
    assert (found.id, found.version, found.codename, found.like) == ("debian", "12", "bookworm", ())
    other = distribution(tree(tmp_path / "b", {"/usr/lib/os-release": "ID='ubuntu'\nID_LIKE=\"debian x\"\n# c\nBAD\n"}))
    assert other is not None
    assert (other.id, other.like, other.at.path) == ("ubuntu", ("debian", "x"), "/usr/lib/os-release")
    assert distribution(tree(tmp_path / "c", {"/etc/hostname": "x"})) is None


def test_a_large_status_is_searched_and_not_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[bytes] = []
    from capacity.readers import packages

    original = packages._fields
    monkeypatch.setattr(packages, "_fields", lambda text, *rest: parsed.append(text) or original(text, *rest))
    root = dpkg(tmp_path, *(stanza(f"lib{number}", "1") for number in range(20_000)), stanza("nginx", "1.22.1"))
    assert versions(root, "nginx") == {"nginx": "1.22.1"}
    assert len(parsed) == 1


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80)
@given(
    st.lists(
        st.sampled_from([b"Package: a", b"\n", b"\n\n", b"Version: 1", b"Status: install ok installed", b"\0", b"P:a"])
    )
)
def test_any_database_gives_packages_or_none(tmp_path: Path, parts: list[bytes]) -> None:
    data = b"".join(parts)
    paths = ("/var/lib/dpkg/status", "/lib/apk/db/installed", "/var/lib/pacman/local/a-1/desc", "/etc/os-release")
    found = installed(tree(tmp_path, dict.fromkeys(paths, data)), ["a", "*"])
    assert found.known
    assert all(package.version for package in found.packages.values())


# ------------------------------------------------------------------------------------------- accounts

PASSWD = (
    "root:x:0:0:root:/root:/bin/bash\n#c:x:1:1::/:/\n"
    "mysql:x:105:112:MySQL,,,:/nonexistent:/bin/false\nmysql:x:9:9::/:/\n"
)
GROUP = "root:x:0:\nmysql:x:112:\nssl-cert:x:118:postgres,mysql\nadm:x:4:root,mysqld\n"


def test_an_account_with_its_groups(tmp_path: Path) -> None:
    root = tree(tmp_path, {"/etc/passwd": PASSWD, "/etc/group": GROUP})
    found = account(root, "mysql")
    assert found is not None
    assert (found.uid, found.gid, found.gids, found.home) == (105, 112, frozenset({112, 118}), "/nonexistent")
    assert (found.at.line, found.at.text) == (3, "")
    assert account(root, 105) == found
    assert account(root, "105") == found
    assert account(root, "postgres") is None
    assert (group_number(root, "adm"), group_number(root, "77"), group_number(root, "gone")) == (4, 77, None)


def test_accounts_of_a_tree_without_passwd_are_not_known(tmp_path: Path) -> None:
    root = tree(tmp_path, {"/etc/hostname": "x"})
    assert (account(root, "root"), account(root, 0), group_number(root, "root")) == (None, None, None)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.text(alphabet="a:x0123456789\n#+-,é", max_size=80), st.text(max_size=5) | st.integers())
def test_any_passwd_gives_an_account_or_none(tmp_path: Path, text: str, user: str | int) -> None:
    found = account(tree(tmp_path, {"/etc/passwd": text, "/etc/group": text}), user)
    assert found is None or (found.gid in found.gids and found.uid >= 0)
