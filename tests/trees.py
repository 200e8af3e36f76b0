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
    "/etc/passwd": "root:x:0:0::/root:/bin/sh\nwww-data:x:33:33::/:/bin/false\nmysql:x:112:117::/nonexistent:/bin/false\n",
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
    "/etc/mysql/mariadb.cnf": "[client-server]\n!includedir /etc/mysql/mariadb.conf.d/\n!include /etc/mysql/extra.cnf\n",
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
