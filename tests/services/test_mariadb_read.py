"""A MariaDB server of a host: what its files give that no single variable holds."""

from __future__ import annotations

import capacity
from capacity.units import MiB
from tests.trees import SMALL, write


def test_named_key_caches_come_on_top_of_the_default_one(tmp_path) -> None:
    lines = "[mysqld]\nmax_connections = 30\nhot.key_buffer_size = 64M\ncold.key_buffer_size = 32M\n"
    plain = capacity.read_host(write(tmp_path / "plain", SMALL))
    host = capacity.read_host(write(tmp_path / "caches", {**SMALL, "/etc/mysql/extra.cnf": lines}))
    more = {c.name: c.total for c in host.bill().claims if c.service == "mariadbd"}
    less = {c.name: c.total for c in plain.bill().claims if c.service == "mariadbd"}
    assert (more["other_key_buffers"], less["other_key_buffers"]) == (96 * MiB, 0)
    assert more["key_buffer"] == less["key_buffer"]
    assert [one.value for name in ("hot", "cold") for one in host.settings.of(f"{name}.key_buffer_size")] == [
        64 * MiB,
        32 * MiB,
    ]
    assert host.settings.of("key caches") == ()
