"""What the libraries behind extensions add to the master: relocated data and tables of their own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from capacity.units import KiB

# Anonymous memory of the master above the ordinary 64 KiB of an extension file, each loaded alone into php-fpm 8.2.36
# of Debian 12 (docs/services/php-fpm.md). What is not named here was below 64 KiB above it, or was not measured.
LIBRARIES: Final = {
    "gd": 1024 * KiB, "imagick": 960 * KiB, "curl": 768 * KiB, "mongodb": 768 * KiB, "pgsql": 608 * KiB,
    "intl": 576 * KiB, "pdo_pgsql": 544 * KiB, "ldap": 448 * KiB, "snmp": 288 * KiB, "imap": 224 * KiB,
    "redis": 192 * KiB, "tidy": 192 * KiB, "dom": 192 * KiB, "amqp": 128 * KiB,
}  # fmt: skip


def library_bytes(extensions: Iterable[str]) -> int:
    """Bytes for the libraries of `extensions`, each counted once."""
    return sum(LIBRARIES.get(name, 0) for name in {name.lower() for name in extensions})
