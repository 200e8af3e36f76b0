"""The php.ini layers of a master in trees: which files, which line, which sections; and the limit of a request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.arithmetic import UNKNOWN, UNLIMITED
from capacity.readers.php_fpm import PoolText, read_fpm
from capacity.readers.php_ini_text import Variables
from capacity.readers.php_layers import PhpLayers, define_text, read_php_layers, read_user_ini
from capacity.readers.php_limits import (
    FastCgi,
    fastcgi_assignments,
    hard_percent,
    memory_limit_of,
    memory_limit_variants,
    setting_in_force,
    special_lines,
)
from capacity.readers.php_sizes import php_limit
from capacity.root import Root
from capacity.settings import Default, File, NotKnown, Setting
from capacity.units import MiB
from tests.readers.trees import tree

CONFIG, SCAN = "/etc/php/8.3/fpm", "/etc/php/8.3/fpm/conf.d"
INI = f"{CONFIG}/php.ini"
AT = File("/etc/nginx/sites-enabled/shop", 7, (20, 40))


def layers_of(root: Root, **given: Any) -> PhpLayers:
    options: dict[str, Any] = {"environment": {}} | given
    return read_php_layers(root, CONFIG, SCAN, **options)


def in_force(place: Path, files: dict[str, str], name: str = "memory_limit", **given: Any) -> str | None:
    found = layers_of(tree(place, files), **given).winning(name)
    return found.value if found is not None else None


# ------------------------------------------------------------------------------------------ which files


def test_scan_directory_comes_over_php_ini_in_byte_order(tmp_path: Path) -> None:
    files = {
        INI: "memory_limit = 60M\n",
        f"{SCAN}/B.ini": "memory_limit = 61M\n",
        f"{SCAN}/a.ini": "memory_limit = 62M\n",
        f"{SCAN}/10.ini": "memory_limit = 63M\n",
        f"{SCAN}/z.INI": "memory_limit = 64M\n",
        f"{SCAN}/z.ini.dpkg-old": "memory_limit = 65M\n",
    }
    layers = layers_of(tree(tmp_path, files))
    assert [(line.value, line.layer) for line in layers.history("memory_limit")] == [
        ("60M", "php.ini"), ("63M", "conf.d"), ("61M", "conf.d"), ("62M", "conf.d"),
    ]  # fmt: skip
    assert layers.scanned == (f"{SCAN}/10.ini", f"{SCAN}/B.ini", f"{SCAN}/a.ini")
    assert layers.files_read == (INI, *layers.scanned)
    assert layers.remarks == []


def test_place_of_the_winning_line(tmp_path: Path) -> None:
    found = layers_of(tree(tmp_path, {INI: "; x\nmemory_limit = 60M ; y\n"})).winning("memory_limit")
    assert found is not None
    assert found.at == File(INI, 2, (16, 19))
    assert found.at.text == "memory_limit = 60M ; y"


def test_sapi_file_is_taken_instead_of_php_ini(tmp_path: Path) -> None:
    files = {INI: "memory_limit = 60M\n", f"{CONFIG}/php-fpm-fcgi.ini": "memory_limit = 61M\n"}
    assert in_force(tmp_path, files) == "61M"


def test_directory_of_the_program_is_searched_before_the_compiled_one(tmp_path: Path) -> None:
    assert in_force(tmp_path, {INI: "memory_limit = 60M\n", "/usr/sbin/php.ini": "memory_limit = 61M\n"}) == "61M"


def test_php_ini_of_the_command_line_tool_is_not_read(tmp_path: Path) -> None:
    files = {"/etc/php/8.3/cli/php.ini": "memory_limit = -1\n", "/etc/php.ini": "memory_limit = 1G\n"}
    layers = layers_of(tree(tmp_path, files))
    assert layers.winning("memory_limit") is None
    assert layers.loaded is None
    assert [remark.at for remark in layers.remarks] == [File(INI), File(SCAN)]


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ({"ini": "/opt/mine.ini"}, "70M"),
        ({"ini": "/opt"}, "71M"),
        ({"ini": "/opt/none.ini"}, None),
        ({"ini": "/opt/mine.ini", "ignore": True}, "70M"),
        ({"ignore": True}, None),
        ({"environment": {"PHPRC": "/opt"}}, "71M"),
        ({"environment": {"PHPRC": "/opt/mine.ini"}}, "70M"),
        ({"environment": {"PHPRC": "/none"}}, "60M"),
        ({"environment": {"PHPRC": "/none:/opt"}}, "71M"),
        ({"environment": {"PHPRC": "/opt"}, "ini": "/opt/mine.ini"}, "70M"),
        ({"environment": None}, "60M"),
    ],
)
def test_which_php_ini(given: dict[str, Any], value: str | None, tmp_path: Path) -> None:
    files = {INI: "memory_limit = 60M\n", "/opt/mine.ini": "memory_limit=70M\n", "/opt/php.ini": "memory_limit=71M\n"}
    assert in_force(tmp_path, files, **given) == value


@pytest.mark.parametrize(
    ("scan", "value"),
    [("/a", "61M"), ("/a:/b", "62M"), ("/b:/a", "61M"), (":/b", "62M"), ("/b:", "60M"), ("", None), ("/none", None)],
)
def test_which_scan_directories(scan: str, value: str | None, tmp_path: Path) -> None:
    files = {
        f"{SCAN}/1.ini": "memory_limit = 60M\n",
        "/a/1.ini": "memory_limit = 61M\n",
        "/b/1.ini": "memory_limit = 62M\n",
    }
    assert in_force(tmp_path, files, environment={"PHP_INI_SCAN_DIR": scan}) == value


def test_absolute_links_stay_inside_the_tree(tmp_path: Path) -> None:
    files = {
        f"{SCAN}/20-x.ini": "-> /etc/php/8.3/mods-available/x.ini",
        "/etc/php/8.3/mods-available/x.ini": "memory_limit=77M",
    }
    assert in_force(tmp_path, files) == "77M"


def test_link_that_leads_nowhere_is_a_remark(tmp_path: Path) -> None:
    layers = layers_of(tree(tmp_path, {INI: "", f"{SCAN}/20-x.ini": "-> /etc/php/8.3/mods-available/x.ini"}))
    assert [str(remark.at) for remark in layers.remarks] == [f"{SCAN}/20-x.ini"]


def test_syntax_error_drops_the_rest_of_its_file_only(tmp_path: Path) -> None:
    files = {INI: "memory_limit = 60M\nx = (\nmemory_limit = 61M\n", f"{SCAN}/1.ini": "post_max_size = 9M\n"}
    layers = layers_of(tree(tmp_path, files))
    assert [line.value for line in layers.history("memory_limit")] == ["60M"]
    assert [line.value for line in layers.history("post_max_size")] == ["9M"]
    [remark] = layers.remarks
    assert (remark.at.path, remark.at.line) == (INI, 3)
    assert "syntax error" in remark.message


# ------------------------------------------------------------------------------------------ -d, extensions, arrays


@pytest.mark.parametrize(
    ("argument", "line"),
    [
        ("memory_limit=1G", "memory_limit=1G"),
        ("memory_limit=-1", 'memory_limit="-1"'),
        ("memory_limit", "memory_limit=1"),
        ("memory_limit=", "memory_limit="),
        ('x="a b"', 'x="a b"'),
        ("x=/a;b", 'x="/a;b"'),
    ],
)
def test_line_of_a_define(argument: str, line: str) -> None:
    assert define_text(argument) == line


def test_defines_come_over_all_files_until_a_syntax_error(tmp_path: Path) -> None:
    unit = File("/lib/systemd/system/php8.3-fpm.service", 9, (11, 60))
    defines = [("memory_limit=61M", unit), ("x=a(", unit), ("memory_limit=62M", unit)]
    layers = layers_of(tree(tmp_path, {INI: "memory_limit = 60M\n"}), defines=defines)
    found = layers.winning("memory_limit")
    assert found is not None
    assert (found.value, found.layer, found.at) == ("61M", "-d", unit)


def test_extensions_in_their_order(tmp_path: Path) -> None:
    files = {
        INI: "zend_extension = opcache.so\n[PATH=/x]\nextension = not_this\n[PHP]\nExtension = mysqlnd\n",
        f"{SCAN}/1.ini": 'extension="/usr/lib/php/20230831/gd.so"\n',
    }
    layers = layers_of(tree(tmp_path, files))
    assert layers.extension_names() == ("opcache", "mysqlnd", "gd")
    assert layers.extension_names("zend_extension") == ("opcache",)


def test_setting_made_an_array_ends_the_master(tmp_path: Path) -> None:
    layers = layers_of(tree(tmp_path, {INI: "memory_limit = 60M\nmemory_limit[] = 61M\nfoo[] = 1\n"}))
    assert layers.winning("memory_limit") is None
    [refusal] = layers.refusals()
    assert (refusal.at.line, refusal.at.span) == (2, (18, 21))


def test_value_behind_an_array_heals_it(tmp_path: Path) -> None:
    layers = layers_of(tree(tmp_path, {INI: "memory_limit[] = 61M\nmemory_limit = 60M\n"}))
    assert layers.refusals() == ()
    assert [line.value for line in layers.history("memory_limit")] == ["60M"]


# ------------------------------------------------------------------------------------------ sections


def test_path_section_swallows_its_file_to_the_end(tmp_path: Path) -> None:
    files = {
        INI: "memory_limit = 60M\n[PATH=/srv/a/]\nmemory_limit = 61M\n[PHP]\nmemory_limit = 62M\n",
        f"{SCAN}/1.ini": "post_max_size = 9M\n",
    }
    layers = layers_of(tree(tmp_path, files))
    assert [line.value for line in layers.history("memory_limit")] == ["60M"]
    assert [line.value for line in layers.specials["PATH", "/srv/a"].history("memory_limit")] == ["61M", "62M"]
    assert [line.value for line in layers.history("post_max_size")] == ["9M"]


def test_host_section_ignores_case_and_a_name_that_begins_alike_is_one_too(tmp_path: Path) -> None:
    layers = layers_of(
        tree(tmp_path, {INI: "[Host = Shop.Example]\nmemory_limit = 61M\n[Pathology]\nmemory_limit = 9M\n"})
    )
    assert set(layers.specials) == {("HOST", "shop.example"), ("PATH", "ology")}


def test_deepest_path_section_wins(tmp_path: Path) -> None:
    text = "[PATH=/srv/a/b]\nmemory_limit = 61M\n[PATH=/srv]\nmemory_limit = 62M\n[PATH=/srv/a]\nmemory_limit = 63M\n"
    layers = layers_of(tree(tmp_path, {INI: text}))
    assert [line.value for line in special_lines(layers, "PATH", "/srv/a/b/c")] == ["62M", "63M", "61M"]
    assert [line.value for line in special_lines(layers, "PATH", "/srv/ab")] == ["62M"]


# ------------------------------------------------------------------------------------------ the limit of a request


def pool_of(root: Root) -> PoolText:
    [pool] = read_fpm(root, "/etc/php-fpm.conf", variables=Variables({})).pools
    return pool


def limits(place: Path, ini: str, extra: str = "", scan: str = "") -> tuple[PoolText, PhpLayers]:
    root = tree(place, {INI: ini, f"{SCAN}/1.ini": scan, "/etc/php-fpm.conf": f"[www]\n{extra}"})
    return pool_of(root), layers_of(root)


def chain(setting: Setting) -> list[tuple[object, str]]:
    return [(one.value, one.text) for one in (setting, *setting.overrode)]


def test_every_layer_stands_in_the_chain(tmp_path: Path) -> None:
    extra = (
        "php_value[memory_limit] = 64M\nphp_value[memory_limit] = 65M\n"
        "php_admin_value[memory_limit] = 66M\nphp_admin_value[memory_limit] = 67M\n"
    )
    pool, layers = limits(tmp_path, "memory_limit = 60M\nmemory_limit = 61M\n", extra, "memory_limit = 62M\n")
    found = memory_limit_of(pool, layers, version="8.3.6")
    assert chain(found.setting) == [
        (66 * MiB, "66M"), (67 * MiB, "67M"), (64 * MiB, "64M"), (65 * MiB, "65M"),
        (62 * MiB, "62M"), (61 * MiB, "61M"), (60 * MiB, "60M"), (128 * MiB, ""),
    ]  # fmt: skip
    assert found.setting.overrode[-1].origin == Default("php", "8.3.6")
    assert not found.raisable
    assert all(one.overrode == () for one in found.setting.overrode)


def test_refused_value_of_the_master_falls_to_the_built_in_one(tmp_path: Path) -> None:
    pool, layers = limits(tmp_path, "memory_limit = 60M\n", scan="memory_limit = 61MB\n")
    found = memory_limit_of(pool, layers)
    assert chain(found.setting) == [(128 * MiB, ""), (60 * MiB, "60M")]
    assert found.raisable
    [refused] = found.refused
    assert refused.at == File(f"{SCAN}/1.ini", 1, (16, 20))
    assert "61MB" in refused.message


def test_refused_value_of_a_pool_leaves_what_was_there_and_pins_nothing(tmp_path: Path) -> None:
    pool, layers = limits(tmp_path, "memory_limit = 60M\n", "php_admin_value[memory_limit] = 64MB\n")
    found = memory_limit_of(pool, layers)
    assert chain(found.setting)[0] == (60 * MiB, "60M")
    assert found.raisable
    assert len(found.refused) == 1


def test_refused_first_admin_value_lets_the_next_one_through(tmp_path: Path) -> None:
    extra = "php_admin_value[memory_limit] = 64MB\nphp_admin_value[memory_limit] = 65M\n"
    pool, layers = limits(tmp_path, "", extra)
    found = memory_limit_of(pool, layers)
    assert (found.setting.value, found.raisable) == (65 * MiB, False)


def test_no_limit(tmp_path: Path) -> None:
    pool, layers = limits(tmp_path, "memory_limit = -1\n")
    assert memory_limit_of(pool, layers).setting.value == UNLIMITED


def test_limit_from_an_unknown_environment_is_not_known(tmp_path: Path) -> None:
    root = tree(tmp_path, {INI: "memory_limit = ${LIMIT}\n"})
    found = memory_limit_of(None, layers_of(root, environment=None))
    assert found.setting.value is UNKNOWN
    assert isinstance(found.setting.origin, NotKnown)
    assert found.setting.origin.at == File(INI, 1, (16, 24))
    assert "LIMIT" in found.setting.origin.why


def test_unset_variable_of_a_known_environment_is_refused_as_nothing(tmp_path: Path) -> None:
    root = tree(tmp_path, {INI: "memory_limit = ${LIMIT}\n"})
    found = memory_limit_of(None, layers_of(root, environment={}))
    assert found.setting.value == 128 * MiB
    assert len(found.refused) == 1


def test_user_ini_is_held_back_by_an_administrators_value_only(tmp_path: Path) -> None:
    root = tree(tmp_path, {INI: "", "/srv/www/.user.ini": "memory_limit = 90M\n", "/etc/php-fpm.conf": "[www]\n"})
    layers = layers_of(root)
    lines, remarks = read_user_ini(root, "/srv/www", layers.variables)
    assert remarks == []
    assert memory_limit_of(pool_of(root), layers, user_ini=lines["memory_limit"]).setting.value == 90 * MiB
    pool, pinned = limits(tmp_path / "b", "", "php_admin_value[memory_limit] = 64M\n")
    found = memory_limit_of(pool, pinned, user_ini=lines["memory_limit"])
    assert chain(found.setting) == [(64 * MiB, "64M"), (90 * MiB, "90M"), (128 * MiB, "")]


def test_user_ini_without_a_name_is_off(tmp_path: Path) -> None:
    root = tree(tmp_path, {"/srv/www/.user.ini": "memory_limit = 90M\n"})
    assert read_user_ini(root, "/srv/www", Variables({}), "") == ({}, [])
    assert read_user_ini(root, "/srv/none", Variables({})) == ({}, [])


def sent(value: str = "", admin: str = "") -> FastCgi:
    admin_lines = fastcgi_assignments(admin, AT, admin=True)
    return FastCgi("via nginx location /", fastcgi_assignments(value, AT), admin_lines)


def test_variants_name_where_another_limit_holds(tmp_path: Path) -> None:
    ini = (
        "memory_limit=60M\n[PATH=/srv/big]\nmemory_limit=1G\n"
        "[HOST=Shop.example]\nmemory_limit=2G\n[PATH=/srv/x]\npost_max_size=9M\n"
    )
    pool, layers = limits(tmp_path, ini, "php_admin_value[memory_limit] = 64M\n")
    user_lines, _ = read_user_ini(tree(tmp_path, {"/srv/u/.user.ini": "memory_limit=3G\n"}), "/srv/u", layers.variables)
    rows = memory_limit_variants(
        pool,
        layers,
        user_inis={"/srv/u": user_lines["memory_limit"]},
        fastcgi=[sent("memory_limit=201M"), sent("post_max_size=1M"), sent(admin="memory_limit=-1")],
    )
    assert [(where, row.setting.value, row.raisable) for where, row in rows] == [
        ("path /srv/u", 64 * MiB, False),
        ("via nginx location /", 201 * MiB, False),
        ("via nginx location /", UNLIMITED, False),
        ("host shop.example", 2048 * MiB, False),
        ("path /srv/big", 1024 * MiB, False),
    ]
    assert rows[1][1].setting.origin == AT
    assert chain(rows[1][1].setting)[1] == (64 * MiB, "64M")


def test_value_of_a_web_server_lies_below_user_ini_and_a_script(tmp_path: Path) -> None:
    pool, layers = limits(tmp_path, "memory_limit = 60M\n")
    found = setting_in_force("memory_limit", php_limit, 128 * MiB, pool, layers, fastcgi=sent("memory_limit=201M"))
    assert (found.setting.value, found.raisable) == (201 * MiB, True)


def test_lines_of_a_parameter_end_at_a_syntax_error() -> None:
    lines = fastcgi_assignments("memory_limit=1M\nx[1]=2\ny=(\nmemory_limit=2M", AT)
    assert [(line.name, line.value, line.at, line.layer) for line in lines] == [("memory_limit", "1M", AT, "PHP_VALUE")]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("100", 100),
        ("150%", 150),
        ("1.5K", 1024),
        ("400", 400),
        ("-1", 200),
        ("99", None),
        ("0", None),
        ("", None),
        ("abc", None),
    ],
)
def test_hard_percent(text: str, value: int | None) -> None:
    assert hard_percent(text).value == value


@settings(deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=100))
def test_any_files_give_layers(tmp_path_factory: pytest.TempPathFactory, ini: bytes, scanned: bytes) -> None:
    root = tree(tmp_path_factory.mktemp("host"), {INI: ini, f"{SCAN}/1.ini": scanned})
    environments: list[dict[str, str] | None] = [{}, None]
    for environment in environments:
        layers = layers_of(root, environment=environment)
        assert layers.loaded == INI
        memory_limit_variants(None, layers)
        assert memory_limit_of(None, layers).setting.name == "memory_limit"
