"""Rows of the settings table that no claim reads, and the spare servers that php-fpm works out itself."""

from __future__ import annotations

import capacity
from capacity.units import MiB
from tests.trees import PHP, SMALL, write

POOL = (
    "[www]\nuser = www-data\nlisten = /run/php/www.sock\npm = dynamic\npm.max_children = 9\npm.max_requests = 500\n"
    "pm.min_spare_servers = 2\npm.max_spare_servers = 7\nenv[DB_PASSWORD] = hunter2\n"
    "php_value[upload_max_filesize] = 32M\nphp_admin_value[app_secret_key] = hunter2\n"
)


def test_what_no_claim_reads_has_its_rows_and_no_secret_has_one(tmp_path) -> None:
    host = capacity.read_host(write(tmp_path, {**SMALL, f"{PHP}/pool.d/www.conf": POOL}))
    rows = {(row.scope, row.setting.name): row.setting for row in host.settings if row.program == "php-fpm"}
    assert rows["pool:www", "pm.max_requests"].value == 500
    assert rows["pool:www", "upload_max_filesize"].value == 32 * MiB
    assert str(rows["pool:www", "listen"].origin) == f"{PHP}/pool.d/www.conf:3:10"
    assert "hunter2" not in str(rows)
    assert len(rows) == len([row for row in host.settings if row.program == "php-fpm"])


def test_start_servers_of_a_dynamic_pool_is_what_php_fpm_works_out(tmp_path) -> None:
    host = capacity.read_host(write(tmp_path, {**SMALL, f"{PHP}/pool.d/www.conf": POOL}))
    (start,) = host.settings.of("pm.start_servers", "pool:www")
    assert (start.value, start.origin.kind) == (2 + (7 - 2) // 2, "derived")
    assert host.settings.of("pm.start_servers", "pool:shop") == ()
