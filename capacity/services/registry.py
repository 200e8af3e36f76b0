"""The services that a host is read for, in the order of the report; what no other one priced comes last."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from capacity.service import Service
from capacity.services.mariadb import MariaDb
from capacity.services.mariadb.read import read as read_mariadb
from capacity.services.php_fpm import PhpFpm
from capacity.services.php_fpm.read import read as read_php_fpm
from capacity.services.process import Process
from capacity.services.process import read as read_processes
from capacity.services.site import Site

SERVICES: Final = {PhpFpm: read_php_fpm, MariaDb: read_mariadb, Process: read_processes}


def read_services(site: Site) -> Iterator[Service]:
    """Every priced service of a host, each with the settings that were read for it."""
    for read in SERVICES.values():
        yield from read(site)
