"""Rules about PHP-FPM: what its pools promise, and what its limits do not hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from capacity.arithmetic import UNKNOWN, UNLIMITED
from capacity.evidence import edit, known, largest_that_fits, marks
from capacity.findings import Edit, Finding, Mark, rule
from capacity.services.php_fpm.claims import PhpFpmPool
from capacity.units import MiB, human

if TYPE_CHECKING:
    from capacity.host import Host


@rule("CAP101", "PhpFpmPool")
def pool_promises_more_than_the_ram(pool: PhpFpmPool, host: Host) -> Iterator[Finding]:
    """One pool may take more than the whole RAM of the host.

    Why: pm.max_children children may each reach memory_limit at once; nothing in PHP-FPM adds the two up. When it
    happens the kernel kills processes, the largest first, and that need not be a child.
    Fix: lower memory_limit, or pm.max_children; the finding names the largest values with which this host fits.
    Source: sapi/fpm/fpm/fpm_children.c, Zend/zend_alloc.c; docs/services/php-fpm.md.
    """
    total, ram = _children_total(pool), host.memory.mem_total
    if not isinstance(ram, int) or not isinstance(total, int) or total <= ram:
        return
    times = f"{total / ram:.0f} times" if total >= 2 * ram else f"{100 * total / ram:.0f} % of"
    fix, change, note = _what_fits(pool, host)
    yield Finding(
        "CAP101", "pool_promises_more_than_the_ram", "error", f"pool `{pool.name}` may take {times} the RAM",
        tuple(_evidence(pool)), (_sum(pool, total, ram), *note), total - ram, fix, change,
    )  # fmt: skip


@rule("CAP102", "PhpFpmPool")
def pool_has_no_limit(pool: PhpFpmPool, host: Host) -> Iterator[Finding]:
    """A pool's children have no memory limit.

    Why: memory_limit = -1, or USE_ZEND_ALLOC=0, lets one request take all that the kernel gives. A widely published
    stop-gap of October 2026 sets exactly this.
    Fix: set memory_limit by php_admin_value in the pool.
    Source: main/main.c, Zend/zend_alloc.c; docs/services/php-fpm.md.
    """
    total = _children_total(pool)
    if total == UNLIMITED:
        limit = pool.known["memory_limit"]
        yield Finding(
            "CAP102", "pool_has_no_limit", "error", f"the children of pool `{pool.name}` have no memory limit",
            tuple(marks(limit, "no limit")), (f"{pool.children} children, each without a limit",), None,
            edit(limit, "256M") or "php_admin_value[memory_limit] = 256M in the pool",
            (f"{pool.address}.memory_limit", "256M"),
        )  # fmt: skip


@rule("CAP103", "PhpFpmPool")
def limit_can_be_raised(pool: PhpFpmPool, host: Host) -> Iterator[Finding]:
    """memory_limit of a pool is not set by php_admin_value: scripts can raise it.

    Why: ini_set(), .user.ini and FastCGI parameters raise a limit from php.ini, -d or php_value; the promise of the
    pool is then what scripts leave it, and no bound.
    Fix: php_admin_value[memory_limit] in the pool.
    Source: main/main.c (PHP_INI_ALL); held against php-fpm 8.2 (docs/services/php-fpm.md).
    """
    limit = pool.known["memory_limit"]
    if pool.raisable and limit.value is not UNKNOWN and limit.value != UNLIMITED:
        text = limit.text or human(limit.value)
        yield Finding(
            "CAP103", "limit_can_be_raised", "note", f"any script of pool `{pool.name}` can raise its memory_limit",
            tuple(marks(limit, "a script may set more")), (), None,
            f"php_admin_value[memory_limit] = {text} in pool `{pool.name}`",
        )  # fmt: skip


@rule("CAP104", "PhpFpmPool")
def soft_limit_doubles_the_promise(pool: PhpFpmPool, host: Host) -> Iterator[Finding]:
    """This PHP takes memory_limit as a soft limit: a request may reach memory_hard_limit_percent of it.

    Why: since the security releases of October 2026 (8.2.35, 8.3.36, 8.4.27, 8.5.12) an allocation over the limit is
    granted inside an internal call; only at 200 % of it, unless set otherwise, the process ends.
    Fix: php_admin_value[memory_hard_limit_percent] = 100 gives the old bound, at the price of killed workers.
    Source: measured on 8.2.36 (docs/services/php-fpm.md).
    """
    percent, limit, children = (known(pool, name) for name in ("memory_hard_limit_percent", "memory_limit", "children"))
    if isinstance(percent, int) and percent > 100 and isinstance(limit, int) and isinstance(children, int):
        more = children * (limit * (percent - 100) // 100)
        yield Finding(
            "CAP104", "soft_limit_doubles_the_promise", "note",
            f"a child of pool `{pool.name}` may take {percent} % of its memory_limit",
            tuple(marks(pool.known["memory_hard_limit_percent"], f"{percent} %")),
            (f"PHP {pool.version or 'of unknown version'}: memory_hard_limit_percent is {percent}",),
            more,
            f"php_admin_value[memory_hard_limit_percent] = 100 in pool `{pool.name}`",
            (f"{pool.address}.memory_hard_limit_percent", "100"),
        )  # fmt: skip


def _children_total(pool: PhpFpmPool) -> object:
    return sum((claim.total for claim in pool.claims() if claim.method.count == "children"), 0)


def _evidence(pool: PhpFpmPool) -> Iterator[Mark]:
    ceiling = pool.heap_ceiling
    words = f"each may take {human(ceiling)}" if isinstance(ceiling, (int, float)) else "each"
    limit = list(marks(pool.known["memory_limit"], words, "loses: the pool's own value wins"))
    children = list(marks(pool.known["max_children"], f"{pool.max_children} children at once", "loses"))
    yield from sorted(children + limit, key=lambda mark: (mark.loser, mark.at.path, mark.at.line))


def _sum(pool: PhpFpmPool, total: int, ram: int) -> str:
    each = sum(claim.each for claim in pool.claims() if claim.method.count == "children")
    return f"sum: {pool.children} x {human(each)} (heap, child, page tables) = {human(total)} of {human(ram)} RAM"


def _what_fits(pool: PhpFpmPool, host: Host) -> tuple[Edit | str | None, tuple[str, str] | None, tuple[str, ...]]:
    """The edit that makes the host fit, the change of the model that it is, and what to know about it."""
    address, limit = f"{pool.address}.memory_limit", pool.known["memory_limit"]
    best = largest_that_fits(host, address, 2, int(limit.value) // MiB, lambda mib: mib * MiB)
    if best is not None and best >= 8:
        words = (
            f"{best}M is the largest limit that keeps this host under {host.alert} % with {pool.max_children} children"
        )
        help_text = f"php_admin_value[memory_limit] = {best}M in pool `{pool.name}`"
        return edit(limit, f"{best}M") or help_text, (address, f"{best}M"), (words,)
    children = pool.known["max_children"]
    address = f"{pool.address}.pm.max_children"
    fewer = largest_that_fits(host, address, 1, int(children.value), lambda number: number)
    if fewer is not None:
        words = f"{fewer} children of {human(limit.value)} are the most that keep this host under {host.alert} %"
        return edit(children, str(fewer)), (address, str(fewer)), (words,)
    rest = host.but({f"{pool.address}.memory_limit": 2 * MiB}).bill()
    promised = f"{human(rest.bounded_total)} of {human(rest.budget.total)}"
    words = f"no limit fits with {pool.max_children} children: beside their heaps {promised} are promised already"
    return "lower what else runs here first, or put it behind a wall (MemoryMax=)", None, (words,)
