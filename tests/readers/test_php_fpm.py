"""php-fpm.conf and its pools in trees: the stream of includes, merging, refusals with their places, what was lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.readers.php_fpm import FpmConfiguration, PoolText, read_fpm
from capacity.readers.php_fpm_rules import GLOBAL, POOL, full_path, is_unix_socket, seconds
from capacity.readers.php_ini_text import Variables
from capacity.root import Root
from capacity.settings import File, Refusal
from tests.readers.trees import tree

MAIN = "/etc/php/8.3/fpm/php-fpm.conf"
POOLS = "/etc/php/8.3/fpm/pool.d"
USER = "user = www-data\ngroup = www-data\n"
GOOD = f"[www]\n{USER}listen = /run/php/www.sock\npm = static\npm.max_children = 5\n"


def read(place: Path, files: dict[str, str | bytes] | str, **given: object) -> FpmConfiguration:
    return read_root(tree(place, {MAIN: files} if isinstance(files, str) else files), **given)


def read_root(root: Root, **given: object) -> FpmConfiguration:
    options: dict[str, object] = {"variables": Variables({})} | given
    return read_fpm(root, MAIN, **options)  # type: ignore[arg-type]


def only(read: FpmConfiguration) -> PoolText:
    [pool] = read.pools
    return pool


def reasons(read: FpmConfiguration) -> list[tuple[str, int, bool]]:
    return [(refusal.reason, refusal.at.line, refusal.lost) for refusal in read.refusals]


# ------------------------------------------------------------------------------------------ the stream


def test_pools_of_an_include(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        MAIN: f"[global]\nprocess.max = 9\ninclude={POOLS}/*.conf\n",
        f"{POOLS}/b.conf": GOOD.replace("www", "b"),
        f"{POOLS}/a.conf": GOOD.replace("www]", "a]").replace("www.sock", "a.sock"),
        f"{POOLS}/a.conf.bak": "nonsense",
        f"{POOLS}/.hidden.conf": "nonsense",
    }
    found = read(tmp_path, files)
    assert [pool.name for pool in found.pools] == ["a", "b"]
    assert found.pools[0].at == File(f"{POOLS}/a.conf", 1, (2, 3))
    assert found.files_read == (MAIN, f"{POOLS}/a.conf", f"{POOLS}/b.conf")
    assert found.number("process.max") == 9
    assert found.refusals == ()


def test_last_directive_wins_and_says_what_it_overrode(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        MAIN: f"include={POOLS}/*.conf\n",
        f"{POOLS}/www.conf": GOOD,
        f"{POOLS}/zz.conf": '[WWW]\nPM.Max_Children = "7" ; c\n',
    }
    pool = only(read(tmp_path, files))
    assert pool.number("pm.max_children") == 7
    assert [(line.value, line.at) for line in pool.history("pm.max_children")] == [
        ("5", File(f"{POOLS}/www.conf", 6, (19, 20))),
        ("7", File(f"{POOLS}/zz.conf", 2, (20, 21))),
    ]


def test_first_php_value_of_a_name_is_the_last_of_the_list(tmp_path: Path) -> None:
    text = GOOD + "php_admin_value[memory_limit] = 64M\nphp_admin_flag[x] = on\nphp_admin_value[memory_limit] = 96M\n"
    pool = only(read(tmp_path, text + "php_flag[y] = Off\n"))
    assert [(line.name, line.value, line.layer) for line in pool.php_admin_values] == [
        ("memory_limit", "96M", "php_admin_value"),
        ("x", "1", "php_admin_flag"),
        ("memory_limit", "64M", "php_admin_value"),
    ]
    assert [(line.name, line.value, line.section) for line in pool.php_values] == [("y", "0", "www")]


def test_section_stays_open_behind_an_include(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        MAIN: f"include={POOLS}/*.conf\nprocess.max = 3\n",
        f"{POOLS}/www.conf": GOOD,
    }
    found = read(tmp_path, files)
    assert reasons(found) == [("unknown entry 'process.max'", 2, False)]
    assert found.refusals[0].at == File(MAIN, 2, (15, 16))


def test_relative_include_is_below_the_prefix(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        MAIN: "include=etc/php-fpm.d/*.conf\n",
        "/usr/local/etc/php-fpm.d/www.conf": GOOD,
        "/etc/php-fpm.d/other.conf": GOOD,
    }
    assert read(tmp_path, files, prefix="/usr/local").files_read[1:] == ("/usr/local/etc/php-fpm.d/www.conf",)
    assert read_root(tree(tmp_path, {}), given_prefix="/").files_read[1:] == ("/etc/php-fpm.d/other.conf",)


def test_four_levels_and_not_five(tmp_path: Path) -> None:
    def nested(levels: int) -> dict[str, str | bytes]:
        files: dict[str, str | bytes] = {f"/c/{n}": f"include=/c/{n + 1}\n" for n in range(1, levels)}
        return files | {MAIN: "include=/c/1\n", f"/c/{levels}": GOOD}

    assert read(tmp_path / "four", nested(4)).refusals == ()
    found = read(tmp_path / "five", nested(5))
    assert found.refusals[0].reason == "failed to include more than 5 files recursively"
    assert found.refusals[0].at == File("/c/4", 1, (9, 13))


def test_loop_with_many_arms_ends(tmp_path: Path) -> None:
    found = read(tmp_path, f"include={MAIN}\n" * 50 + GOOD)
    assert len(found.files_read) == 5
    assert "recursively" in found.refusals[0].reason


# ------------------------------------------------------------------------------------------ what was lost


def test_missing_directory_of_a_wildcard_is_lost_in_a_copy(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD + f"include={POOLS}/*.conf\n")
    assert reasons(found) == [(f"unable to globalize '{POOLS}/*.conf': no directory {POOLS}", 7, True)]
    assert only(found).number("pm.max_children") == 5


def test_directory_without_a_match_is_a_remark(tmp_path: Path) -> None:
    found = read(tmp_path, {MAIN: GOOD + f"include={POOLS}/*.conf\n", f"{POOLS}/readme": ""})
    assert found.refusals == ()
    assert [(remark.at.line, remark.message) for remark in found.remarks] == [
        (7, f"nothing matches the include pattern '{POOLS}/*.conf'")
    ]


def test_missing_file_that_is_named_is_lost_in_a_copy(tmp_path: Path) -> None:
    [refusal] = read(tmp_path, GOOD + "include=/etc/none.conf\n").refusals
    assert refusal.lost
    assert refusal.at == File(MAIN, 7, (9, 23))


def test_dangling_link_that_fits_is_lost_in_a_copy(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        MAIN: GOOD + f"include={POOLS}/*.conf\n",
        f"{POOLS}/a.conf": "-> /srv/pools/a.conf",
    }
    [refusal] = read(tmp_path, files).refusals
    assert refusal.lost
    assert f"{POOLS}/a.conf" in refusal.reason


def test_missing_main_file(tmp_path: Path) -> None:
    found = read_root(tree(tmp_path, {"/etc/hostname": "x\n"}))
    assert [(refusal.at.path, refusal.lost) for refusal in found.refusals] == [(MAIN, True)]
    assert found.pools == ()


def test_what_follows_from_a_lost_file_is_lost_too(tmp_path: Path) -> None:
    found = read(tmp_path, f"include={POOLS}/*.conf\n")
    assert [(refusal.lost, "No pool" in refusal.reason) for refusal in found.refusals] == [(True, False), (True, True)]


def test_directory_of_a_pool_is_not_held_against_a_copy(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD + "chdir = /srv/www\n")
    assert found.refusals == ()


# ------------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("pm.max_children = 8M", "pm.max_children"),
        ("pm.max_children = 0", "must be a positive value"),
        ("pm = auto", "invalid process manager"),
        ("foo = 1", "unknown entry 'foo'"),
        ("# old", "unknown entry '# old'"),
        ("INCLUDE = /x", "unknown entry 'INCLUDE'"),
        ("php_value[] = 1", "must provide a key"),
        ("php_value = 1", "unknown entry 'php_value'"),
        ("PHP_VALUE[x] = 1", "unknown directive 'PHP_VALUE'"),
        ("env[X] =", "empty value"),
        ("request_terminate_timeout = 5x", "unknown suffix"),
        ("php_flag[x] = maybe", "invalid boolean value"),
        ("x = (", "syntax error"),
        ("listen =", "no listen address"),
        ("listen.setfib = 1", "unknown entry"),
        ("request_slowlog_timeout = 5", "'slowlog' must be specified"),
        ("process.priority = 30", "process.priority must be included"),
    ],
)
def test_refusal_points_at_its_line(line: str, reason: str, tmp_path: Path) -> None:
    [refusal] = read(tmp_path, GOOD + "\n; a comment\n" + line + "\n").refusals
    assert (refusal.program, refusal.at.path, refusal.at.line, refusal.lost) == ("php-fpm", MAIN, 9, False)
    assert reason in refusal.reason


@pytest.mark.parametrize(
    ("least", "most", "start", "starts"),
    [
        (2, 4, 2, True),
        (2, 4, 4, True),
        (2, 4, 1, False),
        (2, 4, 5, False),
        (4, 2, 3, False),
        (5, 5, 5, True),
        (2, 6, 2, False),
    ],
)
def test_spare_servers(least: int, most: int, start: int, starts: bool, tmp_path: Path) -> None:
    text = GOOD.replace("static", "dynamic")
    text += f"pm.min_spare_servers={least}\npm.max_spare_servers={most}\npm.start_servers={start}\n"
    assert (read(tmp_path, text).refusals == ()) == starts


def test_refusal_of_a_pool_points_at_its_header(tmp_path: Path) -> None:
    assert reasons(read(tmp_path, "\n[www]\nuser=x\nlisten=/s\n")) == [
        ("[pool www] the process manager is missing (static, dynamic or ondemand)", 2, False)
    ]


def test_two_pools_on_one_address(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD + GOOD.replace("[www]", "[b]"))
    assert reasons(found) == [
        ("[pool b] unable to set listen address as it's already used in another pool 'www'", 10, False)
    ]


def test_user_is_needed_by_a_master_of_root_alone(tmp_path: Path) -> None:
    text = GOOD.replace(USER, "")
    assert "user has not been defined" in read(tmp_path, text).refusals[0].reason
    assert read_root(tree(tmp_path, {}), as_root=False).refusals == ()
    assert read_root(tree(tmp_path, {}), allow_root=True).refusals == ()


def test_accounts_are_those_of_the_tree(tmp_path: Path) -> None:
    accounts: dict[str, str | bytes] = {
        "/etc/passwd": "root:x:0:0::/root:/bin/sh\nshop:x:1001:1001::/srv:/bin/sh\n",
        "/etc/group": "root:x:0:\nwww-data:x:33:\n",
    }
    found = read(tmp_path / "a", accounts | {MAIN: GOOD})
    assert reasons(found) == [("[pool www] cannot get uid for user 'www-data'", 2, False)]
    shop = GOOD.replace("user = www-data", "user = shop")
    assert read(tmp_path / "b", accounts | {MAIN: shop}).refusals == ()
    elsewhere: dict[str, str | bytes] = {"/etc/nsswitch.conf": "passwd: files sss\ngroup: files sss\n", MAIN: GOOD}
    assert read(tmp_path / "c", accounts | elsewhere).refusals == ()
    root = GOOD.replace("user = www-data", "user = root")
    assert "other than root" in read(tmp_path / "d", accounts | {MAIN: root}).refusals[0].reason


def test_no_pool_name_in_a_global_directive(tmp_path: Path) -> None:
    assert "Can't use '$pool'" in read(tmp_path, "pid = /run/$pool.pid\n" + GOOD).refusals[0].reason


def test_pool_named_after_itself_never_ends_in_php_fpm_and_is_refused_here(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD.replace("[www]", "[$pool]") + "chdir = /$pool\n")
    assert "'$pool'" in found.refusals[0].reason


def test_pool_name_is_put_into_values(tmp_path: Path) -> None:
    text = GOOD.replace("/run/php/www.sock", "/run/$pool/$pool.sock") + "php_value[x] = $pool\n"
    pool = only(read(tmp_path, text))
    assert pool.text("listen") == "/run/www/www.sock"
    assert pool.php_values[0].value == "www"


# ------------------------------------------------------------------------------------------ unknown, wrapped, secret


def test_unknown_environment_is_no_refusal(tmp_path: Path) -> None:
    pool = only(found := read(tmp_path, GOOD + "pm.max_children = ${CHILDREN}\n", variables=Variables(None)))
    assert found.refusals == ()
    assert pool.number("pm.max_children") is None
    assert pool.history("pm.max_children")[-1].asked == ("CHILDREN",)


def test_unset_variable_of_a_known_environment_is_nothing(tmp_path: Path) -> None:
    assert "must be a positive value" in read(tmp_path, GOOD + "pm.max_children = ${CHILDREN}\n").refusals[0].reason


def test_include_that_is_not_known_is_lost(tmp_path: Path) -> None:
    [refusal] = read(tmp_path, GOOD + "include = ${POOLS}/*.conf\n", variables=Variables(None)).refusals
    assert refusal.lost


def test_children_wrap_at_32_bits(tmp_path: Path) -> None:
    pool = only(read(tmp_path, GOOD + "pm.max_children = 99999999999\n"))
    assert pool.number("pm.max_children") == 1215752191


def test_secret_of_an_environment_is_not_shown(tmp_path: Path) -> None:
    pool = only(found := read(tmp_path, GOOD + "env[DB_PASSWORD] = hunter2\nenv[A] = b\n"))
    assert [(line.name, line.at.text) for line in pool.env] == [("A", "env[A] = b"), ("DB_PASSWORD", "")]
    assert "hunter2" not in repr((found.refusals, found.remarks))


def test_refused_line_with_a_secret_is_not_shown(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD + "php_value[password] = hunter2 (\nmy_password = hunter2\nphp_flag[token] = hunter2\n")
    assert len(found.refusals) == 3
    assert "hunter2" not in repr(found.refusals)


# ------------------------------------------------------------------------------------------ small parts


@pytest.mark.parametrize(
    ("text", "value"),
    [("10", 10), ("10s", 10), ("2m", 120), ("1h", 3600), ("1d", 86400), ("10x5s", 10), ("s", 0), ("-1", -1)],
)
def test_times(text: str, value: int) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize(
    ("address", "unix"),
    [
        ("/run/x.sock", True),
        ("run/x", True),
        ("9000", False),
        ("127.0.0.1:9000", False),
        ("[::]:9000", False),
        ("/x:y", False),
    ],
)
def test_addresses(address: str, unix: bool) -> None:
    assert is_unix_socket(address) == unix


def test_paths_below_prefixes() -> None:
    assert full_path("/x", "/usr") == "/x"
    assert full_path("x", None, "/usr") == "/usr/x"
    assert full_path("x", "srv", "/usr") == "/usr/srv/x"
    assert full_path("x", "/srv", "/usr") == "/srv/x"


def test_every_directive_of_the_manual_is_known() -> None:
    assert len(GLOBAL) == 17
    assert len(POOL) == 41


# ------------------------------------------------------------------------------------------ hostile bytes


@settings(deadline=None)
@given(st.binary(max_size=300), st.binary(max_size=200))
def test_any_bytes_give_a_configuration(tmp_path_factory: pytest.TempPathFactory, main: bytes, included: bytes) -> None:
    place = tmp_path_factory.mktemp("host")
    files: dict[str, str | bytes] = {MAIN: b"include=/p/*.conf\n" + main, "/p/a.conf": included}
    for variables in (Variables({}), Variables(None)):
        found = read(place, {} if (place / "p").exists() else files, variables=variables)
        assert found.files_read[:2] == (MAIN, "/p/a.conf")
        assert all(isinstance(refusal, Refusal) for refusal in found.refusals)


LINES = st.lists(
    st.sampled_from(
        [
            *["[www]", "[b]", "[global]", "pm = static", "pm.max_children = 3", "listen = /s", "listen = /$pool"],
            *["include=/p/*.conf", "include=/p/a.conf", "include=/none/*", "php_value[memory_limit]=1G", "x", "x = ("],
            *["; c", "pm.max_children = 4 ; c", "php_admin_value[a] = 'b", "pm.max_children = 5\0", "user = u"],
            "pm.max_children = 6\rpm = ondemand",
        ]
    ),
    max_size=12,
).map("\n".join)


@settings(deadline=None)
@given(LINES, LINES)
def test_places_are_those_of_the_lines(tmp_path_factory: pytest.TempPathFactory, main: str, included: str) -> None:
    """Every assignment and every refusal stands where its file says, and the value under the caret is its own."""
    texts = {MAIN: main, "/p/a.conf": included}
    found = read(tmp_path_factory.mktemp("host"), {**texts})
    for pool in found.pools:
        for lines in pool.settings.values():
            for line in lines:
                there = texts[line.at.path].split("\n")[line.at.line - 1]
                start, end = line.at.span
                assert there[start - 1 : end - 1].replace("$pool", pool.name) == line.value
    for refusal in found.refusals:
        assert refusal.at.line <= texts.get(refusal.at.path, "").count("\n") + 1
