"""Hosts written into a folder: a dictionary of paths, with `-> target` for a symbolic link."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

MEMINFO = """MemTotal:       16384000 kB
MemFree:        12000000 kB
MemAvailable:   13000000 kB
Buffers:          100000 kB
Cached:          2000000 kB
SwapCached:            0 kB
SwapTotal:             0 kB
SwapFree:              0 kB
AnonPages:       1000000 kB
Shmem:             43000 kB
Slab:             269000 kB
SReclaimable:     141000 kB
SUnreclaim:       128000 kB
KernelStack:       10000 kB
PageTables:        20000 kB
HugePages_Total:       0
Hugepagesize:       2048 kB
"""

UNIT = "[Unit]\nDescription=x\n[Service]\n{service}\n[Install]\nWantedBy=multi-user.target\n"
WANTS = "/etc/systemd/system/multi-user.target.wants"
PHP = "/etc/php/8.2/fpm"

SMALL: Mapping[str, str] = {
    "/etc/hostname": "small\n",
    "/etc/os-release": 'ID=debian\nVERSION_ID="12"\n',
    "/etc/passwd": (
        "root:x:0:0::/root:/bin/sh\nwww-data:x:33:33::/:/bin/false\nmysql:x:112:117::/nonexistent:/bin/false\n"
    ),
    "/etc/group": "root:x:0:\nwww-data:x:33:\nmysql:x:117:\n",
    f"{PHP}/php-fpm.conf": f"[global]\ninclude={PHP}/pool.d/*.conf\n",
    f"{PHP}/php.ini": "[PHP]\nmemory_limit = 128M\n",
    f"{PHP}/conf.d/10-opcache.ini": "-> /etc/php/8.2/mods-available/opcache.ini",
    "/etc/php/8.2/mods-available/opcache.ini": "zend_extension=opcache.so\nopcache.memory_consumption=64\n",
    f"{PHP}/pool.d/www.conf": (
        "[www]\nuser = www-data\nlisten = /run/php/www.sock\npm = static\npm.max_children = 4\n"
        "php_admin_value[memory_limit] = 64M\n"
    ),
    f"{PHP}/pool.d/shop.conf": (
        "[shop]\nuser = www-data\nlisten = /run/php/shop.sock\npm = static\npm.max_children = 2\n"
        "php_admin_value[memory_limit] = 64M\n"
    ),
    "/etc/mysql/my.cnf": "-> /etc/alternatives/my.cnf",
    "/etc/alternatives/my.cnf": "-> /etc/mysql/mariadb.cnf",
    "/etc/mysql/mariadb.cnf": (
        "[client-server]\n!includedir /etc/mysql/mariadb.conf.d/\n!include /etc/mysql/extra.cnf\n"
    ),
    "/etc/mysql/extra.cnf": "[mysqld]\nmax_connections = 30\n",
    "/etc/mysql/mariadb.conf.d/50-server.cnf": (
        "[mysqld]\nbind-address = 127.0.0.1\ninnodb_buffer_pool_size = 256M\nmax_allowed_packet = 1M\n"
    ),
    "/usr/lib/systemd/system/php8.2-fpm.service": UNIT.format(
        service=f"ExecStart=/usr/sbin/php-fpm8.2 --nodaemonize --fpm-config {PHP}/php-fpm.conf"
    ),
    "/usr/lib/systemd/system/mariadb.service": UNIT.format(
        service="User=mysql\nExecStart=/usr/sbin/mariadbd $MYSQLD_OPTS\nLimitNOFILE=32768"
    ),
    f"{WANTS}/php8.2-fpm.service": "-> /usr/lib/systemd/system/php8.2-fpm.service",
    f"{WANTS}/mariadb.service": "-> /usr/lib/systemd/system/mariadb.service",
    "/var/lib/dpkg/status": (
        "Package: php8.2-fpm\nStatus: install ok installed\nVersion: 8.2.31-1~deb12u1\n\n"
        "Package: mariadb-server\nStatus: install ok installed\nVersion: 1:10.11.19-0+deb12u1\n\n"
    ),
    "/proc/meminfo": MEMINFO,
    "/proc/cpuinfo": "processor\t: 0\n\nprocessor\t: 1\n",
}


def write(folder: Path, files: Mapping[str, str | bytes], *, without: str = "") -> Path:
    """Writes the tree of `files` (less `without`) below `folder`; returns `folder`."""
    for path, content in files.items():
        if path == without:
            continue
        place = folder / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str) and content.startswith("-> "):
            os.symlink(content[3:], place)
        else:
            place.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


# ---------------------------------------------------------------------------------------------- parts of hosts


def pool(name: str = "www", children: int | str = 4, limit: str = "64M", *, user: str = "www-data") -> str:
    """A pool file of PHP-FPM: static, with a limit that scripts cannot raise."""
    return (
        f"[{name}]\nuser = {user}\nlisten = /run/php/{name}.sock\npm = static\npm.max_children = {children}\n"
        f"php_admin_value[memory_limit] = {limit}\n"
    )


def dpkg(**versions: str) -> dict[str, str]:
    """dpkg's status file with these packages; `_` in a name stands for `-`, `__` for `.`."""
    stanzas = (
        f"Package: {name.replace('__', '.').replace('_', '-')}\nStatus: install ok installed\nVersion: {version}\n\n"
        for name, version in versions.items()
    )
    return {"/var/lib/dpkg/status": "".join(stanzas)}


def enabled(unit: str, service: str) -> dict[str, str]:
    """A unit of these [Service] lines that multi-user.target wants."""
    path = f"/usr/lib/systemd/system/{unit}"
    return {path: UNIT.format(service=service), f"{WANTS}/{unit}": f"-> {path}"}


def process(
    pid: int, comm: str, *words: str, cgroup: str = "/", parent: int = 1, private: int = 1000, swap: int = 0,
    shared: int = 0, tables: int = 40, rollup: bool = True,
) -> dict[str, str]:  # fmt: skip
    """A process under /proc; sizes in KiB. Without `rollup`, /proc/PID/status tells what its owner alone may read."""
    found = {
        f"/proc/{pid}/status": (
            f"Name:\t{comm}\nState:\tS (sleeping)\nPid:\t{pid}\nPPid:\t{parent}\nUid:\t0\t0\t0\t0\n"
            f"VmPTE:\t{tables} kB\nRssAnon:\t{private} kB\n"
            f"RssFile:\t5000 kB\nRssShmem:\t{shared} kB\nVmSwap:\t{swap} kB\nThreads:\t1\n"
        ),
        f"/proc/{pid}/cmdline": "".join(f"{word}\0" for word in words),
        f"/proc/{pid}/comm": f"{comm}\n",
        f"/proc/{pid}/cgroup": f"0::{cgroup}\n",
        f"/proc/{pid}/oom_score_adj": "0\n",
    }
    if rollup:
        found[f"/proc/{pid}/smaps_rollup"] = (
            f"00400000-7ffd000 ---p 00000000 00:00 0 [rollup]\nPss_File: 2000 kB\nPss_Shmem: {shared} kB\n"
            f"Private_Dirty: {private} kB\nSwap: {swap} kB\n"
        )
    return found
