"""The data on MariaDB's options against the server that is installed: names, types, limits, defaults."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from capacity.readers.mariadb_options import effective
from capacity.readers.mariadb_table import table_of
from tests.real.mariadb import SERVER, DidNotStart, MariaDbServer

pytestmark = pytest.mark.real

VERSION = "10.11.19"
OWN = {"datadir", "port", "skip_networking", "bind_address", "default_storage_engine", "optimizer_switch"}
"""What this server is started with, and what it shows in its own way."""


@pytest.fixture(scope="module")
def server() -> Iterator[MariaDbServer]:
    with tempfile.TemporaryDirectory(prefix="capacity-") as name:
        Path(name).chmod(0o755)
        with MariaDbServer(Path(name) / "run", account="mysql", nofile=20000) as started:
            yield started


def test_the_version_is_the_one_of_the_data() -> None:
    assert VERSION in subprocess.check_output([SERVER, "--version"], text=True)


def test_every_option_of_the_help_is_known() -> None:
    text = subprocess.check_output(
        [SERVER, "--no-defaults", "--verbose", "--help"], text=True, stderr=subprocess.DEVNULL
    )
    names = {name.lower().replace("-", "_") for name in re.findall(r"^  (?:-., )?--?([a-z][\w-]*)", text, re.MULTILINE)}
    options = {option.name for option in table_of(VERSION).options.values() if option.stage != "removed"}
    assert len(names) > 700
    assert names == options


def test_types_and_limits_are_the_server_s(server: MariaDbServer) -> None:
    kinds = {
        "BIGINT UNSIGNED": "u64", "INT UNSIGNED": "u32", "BIGINT": "i64", "INT": "i32", "BOOLEAN": "bool",
        "ENUM": "enum", "SET": "set", "FLAGSET": "flags", "DOUBLE": "double", "VARCHAR": "text",
    }  # fmt: skip
    rows = server.sql(
        "SELECT LOWER(VARIABLE_NAME), VARIABLE_TYPE, NUMERIC_MIN_VALUE, NUMERIC_MAX_VALUE, NUMERIC_BLOCK_SIZE, "
        "ENUM_VALUE_LIST FROM information_schema.SYSTEM_VARIABLES WHERE COMMAND_LINE_ARGUMENT IS NOT NULL"
    )
    compared = 0
    for name, kind, low, high, block, words in rows:
        option = table_of(VERSION).options[name]
        assert option.kind == kinds[kind], name
        if option.kind in ("u64", "u32", "i64", "i32"):
            shown = (int(low), int(high), max(int(block), 1))
            assert (option.minimum, option.maximum, option.block) == shown, name
            compared += 1
        if option.kind in ("enum", "set"):
            assert ",".join(option.values) == words, name
            compared += 1
    assert compared > 350


def test_defaults_are_the_server_s(server: MariaDbServer) -> None:
    shown = server.variables()
    for name, setting in effective([], [], VERSION, 20000).settings.items():
        if name in shown and name not in OWN:
            ours = setting.value
            if table_of(VERSION).options[name].kind == "bool":
                ours = "ON" if ours else "OFF"
            assert str(ours) == shown[name], name


@pytest.mark.parametrize(("page", "pool"), [("8K", 3), ("16K", 6), ("32K", 11), ("64K", 21)])
def test_the_smallest_pool_of_a_page_size(page: str, pool: int) -> None:
    """The server names it when it refuses a smaller one, before it looks at its data."""
    options = [f"--innodb-page-size={page}", "--innodb-buffer-pool-size=2M"]
    with tempfile.TemporaryDirectory(prefix="capacity-") as name, pytest.raises(DidNotStart) as refused:
        MariaDbServer(Path(name) / "run", options).start()
    reason = effective([], options, VERSION).refusals[0].reason
    assert f"requires innodb_buffer_pool_size >= {pool} MiB current 2 MiB" in reason
    assert reason in refused.value.log
