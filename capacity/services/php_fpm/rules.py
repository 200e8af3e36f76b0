"""Rules about PHP-FPM: what its pools promise, and what its limits do not hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from capacity.arithmetic import UNKNOWN, UNLIMITED
from capacity.evidence import edit, known, largest_that_fits, marks
from capacity.findings import Edit, Finding, Mark, rule
from capacity.services.php_fpm.claims import PhpFpmPool
from capacity.settings import Setting
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
    if not isinstance(ram, int) or not isinstance(total, int) or total <= ram or not ram:
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
        limit, fix, change = _what_limits(pool, host)
        yield Finding(
            "CAP102", "pool_has_no_limit", "error", f"the children of pool `{pool.name}` have no memory limit",
            tuple(marks(limit, "no limit")), (f"{pool.children} children, each without a limit",), None, fix, change,
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
        text = limit.text or _megabytes(limit.value)
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


def _megabytes(value: int) -> str:
    """A limit as PHP reads it: whole megabytes where it is whole."""
    return str(value) if value % MiB else f"{value // MiB}M"


def _children_total(pool: PhpFpmPool) -> object:
    return sum((claim.total for claim in pool.claims() if claim.method.count == "children"), 0)


def _limit(pool: PhpFpmPool) -> tuple[str, Setting]:
    """(field, setting) of the limit that counts: the pool's own, or that of some requests where it is larger."""
    own, other = pool.known["memory_limit"], pool.known["memory_limit_elsewhere"]
    if own.value is not UNKNOWN and (other.value is UNKNOWN or other.value > own.value):
        return "memory_limit_elsewhere", other
    return "memory_limit", own


def _typed(pool: PhpFpmPool, host: Host, value: str) -> Edit | str:
    """What to type so that the limit that counts is `value`: where it stands, if no other pool hangs on that line."""
    field, limit = _limit(pool)
    if field == "memory_limit_elsewhere":
        return f"memory_limit = {value} at {limit.origin}"
    others = (part for service in host.services for part in service.parts if part.address != pool.address)
    shared = any(one.known["memory_limit"].origin == limit.origin for one in others if "memory_limit" in one.known)
    in_pool = f"php_admin_value[memory_limit] = {value} in pool `{pool.name}`"
    return in_pool if shared else edit(limit, value) or in_pool


def _what_limits(pool: PhpFpmPool, host: Host) -> tuple[Setting, Edit | str, tuple[str, str]]:
    """The setting for which a pool has no limit, what to type, and the change of the model that it is."""
    allocator: Setting = pool.master.known["use_zend_alloc"]
    if allocator.value == 0:
        fix = "USE_ZEND_ALLOC=0 taken out of the master's environment"
        return allocator, fix, (f"{pool.master.address}.use_zend_alloc", "1")
    field, limit = _limit(pool)
    return limit, _typed(pool, host, "256M"), (f"{pool.address}.{field}", "256M")


def _evidence(pool: PhpFpmPool) -> Iterator[Mark]:
    ceiling = known(pool, "heap_ceiling")
    words = f"each may take {human(ceiling)}" if ceiling is not None else "each"
    field, setting = _limit(pool)
    own = field == "memory_limit" and not pool.raisable
    limit = list(marks(setting, words, "loses: the pool's own value wins" if own else "loses"))
    children = list(marks(pool.known["max_children"], f"{pool.max_children} children at once", "loses"))
    yield from sorted(children + limit, key=lambda mark: (mark.loser, mark.at.path, mark.at.line))


def _sum(pool: PhpFpmPool, total: int, ram: int) -> str:
    each = sum(claim.each for claim in pool.claims() if claim.method.count == "children")
    return f"sum: {pool.children} x {human(each)} (heap, child, page tables) = {human(total)} of {human(ram)} RAM"


def _what_fits(pool: PhpFpmPool, host: Host) -> tuple[Edit | str | None, tuple[str, str] | None, tuple[str, ...]]:
    """The edit that makes the host fit, the change of the model that it is, and what to know about it."""
    field, limit = _limit(pool)
    address, children = f"{pool.address}.{field}", pool.known["max_children"]
    if not isinstance(limit.value, int) or not isinstance(children.value, int):
        return None, None, ()
    best = largest_that_fits(host, address, 2, limit.value // MiB, lambda mib: mib * MiB)
    if best is not None and best >= 8:
        words = (
            f"{best}M is the largest limit that keeps this host under {host.alert} % with {pool.max_children} children"
        )
        return _typed(pool, host, f"{best}M"), (address, f"{best}M"), (words,)
    address = f"{pool.address}.pm.max_children"
    fewer = largest_that_fits(host, address, 1, children.value, lambda number: number)
    if fewer is not None:
        some = f"{fewer} children" if fewer > 1 else "one child"
        words = f"{some} of {human(limit.value)}: the most that keeps this host under {host.alert} %"
        return edit(children, str(fewer)), (address, str(fewer)), (words,)
    rest = host.but({f"{pool.address}.{field}": 2 * MiB}).bill()
    promised = f"{human(rest.bounded_total)} of {human(rest.budget.total)}"
    words = f"no limit fits with {pool.max_children} children: beside their heaps {promised} are promised already"
    return "lower what else runs here first, or put it behind a wall (MemoryMax=)", None, (words,)
