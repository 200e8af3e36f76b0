"""PHP-FPM: what a master, its shared segments and the children of its pools may take.

Formulas from Zend/zend_alloc.c, sapi/fpm/fpm, ext/opcache and APCu's apc_sma.c; constants and the whole held against
php-fpm 8.2.36 with all children at their peak at once (docs/services/php-fpm.md, tests/real/test_php_memory.py).
"""
# ruff: noqa: RUF009  (size, count, flag and word make dataclass fields)

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from capacity.arithmetic import UNKNOWN, UNLIMITED, Number, choose, is_array, larger, part, round_up, smaller, times
from capacity.service import Cap, Claim, Exposure, Part, Service, claim, term
from capacity.services.php_fpm.dialect import (
    APCU,
    FPM,
    INI,
    OPCACHE,
    apc_memory,
    cap,
    count,
    flag,
    limit_or_none,
    lower,
    percent,
    php_size,
    segment,
    size,
    strings,
    word,
)
from capacity.services.php_fpm.exposures import of_extensions, of_pool
from capacity.services.php_fpm.libraries import library_bytes
from capacity.services.php_fpm.listing import master_rows, pool_rows
from capacity.services.php_fpm.versions import SOFT_LIMIT
from capacity.settings import REQUIRED, Setting, assumption, demand, one_of, since
from capacity.units import PAGE, KiB, MiB

ZEND_CHUNK: Final = 2 * MiB  # Zend/zend_alloc_sizes.h, ZEND_MM_CHUNK_SIZE: how the allocator takes from the kernel
MAPPED_BY_ONE_BYTE: Final = 512  # an entry of a page table has 8 bytes and maps a page of 4096

POOL: Final = "php-fpm: pool"
MASTER: Final = "php-fpm: master"


@dataclass(frozen=True, eq=False, kw_only=True)
class PhpFpmPool(Part):
    """One pool: children that answer one listener, each with a Zend heap up to the limit in force.

    `raisable` is whether a served script can raise memory_limit (it is not set by php_admin_value).
    """

    program: ClassVar[str] = "php-fpm"

    pm: str = word("pm", "", "How children are started; every way ends at pm.max_children.", FPM)
    max_children: Number = count("pm.max_children", REQUIRED, "Children of this pool at once.", FPM, 1)
    start_servers: Number = count("pm.start_servers", 0, "Children at start (0: not set).", FPM)
    min_spare_servers: Number = count("pm.min_spare_servers", 0, "Idle children at least (0: not set).", FPM)
    max_spare_servers: Number = count("pm.max_spare_servers", 0, "Idle children at most (0: not set).", FPM)
    status_listen: str = word("pm.status_listen", "", "A listener with two children of its own.", FPM)
    memory_limit: Number = size("memory_limit", 128 * MiB, "Zend heap of one request.", INI, ZEND_CHUNK, MiB, php_size)
    memory_limit_elsewhere: Number = size(
        "memory_limit elsewhere", 0,
        "The largest memory_limit that a path, a host name or the web server gives to some requests (0: none).", INI,
        parse=php_size,
    )  # fmt: skip
    memory_hard_limit_percent: Number = count(
        "memory_hard_limit_percent", since(*SOFT_LIMIT, then=200, before=100),
        "Where the limit becomes hard, in percent of it.", "measured, docs/services/php-fpm.md", 100, percent,
    )  # fmt: skip
    realpath_cache_size: Number = size("realpath_cache_size", 4 * MiB, "Resolved paths that a child keeps.", INI)
    busy: Number = demand("Children that callers of this pool can keep busy.")
    heap: str = assumption(
        "hard", "The heap may reach the hard limit; soft: ordinary growth, the limit and one chunk.", ceiling="hard",
        parse=one_of("hard", "soft"),
    )  # fmt: skip
    outside_heap: Number = assumption(
        0, "Memory of extensions by malloc in each child: none, its exposures are named instead.", size=True
    )
    measured: Number = assumption(
        0, "Bytes that the children of this pool hold now; 0 where nothing was measured.", size=True
    )
    raisable: bool = True

    # Private pages of a child beside its heap: copies of the master's data, FPM's request buffers and the stack of
    # PCRE (192 KiB, ext/pcre/php_pcre.c). Measured, docs/services/php-fpm.md.
    CHILD: ClassVar[int] = 616 * KiB
    # Task, kernel stack, descriptors and mappings of a bare process, and a socket whose client does not read
    # (net.core.wmem_default, 208 KiB, and its overhead). Measured by a memory cgroup.
    CHILD_KERNEL: ClassVar[int] = (80 + 232) * KiB
    # sapi/fpm/fpm/fpm_scoreboard.h: sizeof(struct fpm_scoreboard_proc_s), and of its head
    SLOT: ClassVar[int] = 1168
    SCOREBOARD: ClassVar[int] = 168

    def listed(self) -> Iterator[tuple[str, Setting]]:
        """Its rows of the settings table."""
        return pool_rows(self)

    @property
    def children(self) -> Number:
        """How many run at once: what is configured, or what callers can keep busy."""
        return smaller(self.max_children, self.busy)

    @property
    def status_children(self) -> Number:
        """How many children the listener of pm.status_listen has (sapi/fpm/fpm/fpm_conf.c: always two)."""
        return 2 if self.status_listen else 0

    @term
    def limit(self) -> Number:
        """The largest memory_limit of any request, held back by PHP 8.5's max_memory_limit (main/main.c)."""
        return smaller(larger(self.memory_limit, self.memory_limit_elsewhere), self.master.max_memory_limit)

    @term
    def hard_limit(self) -> Number:
        """Where the allocator refuses or the process ends (Zend/zend_alloc.c; measured on 8.2.36)."""
        return larger(ZEND_CHUNK, part(self.limit, self.memory_hard_limit_percent, 100))

    @term
    def ordinary_limit(self) -> Number:
        """Growth of ordinary code: the virtual machine notices after one more chunk (measured on 8.2.36)."""
        return smaller(self.hard_limit, self.limit + ZEND_CHUNK)

    @term
    def heap_ceiling(self) -> Number:
        """The heap as assumed; without Zend's allocator nothing bounds it (Zend/zend_alloc.c, USE_ZEND_ALLOC)."""
        return choose(
            self.master.use_zend_alloc, self.ordinary_limit if self.heap == "soft" else self.hard_limit, UNLIMITED
        )

    @term
    def function_table(self) -> Number:
        """8 bytes in each child for every function in opcache, which takes 336 there (Zend/zend.c, map_ptr)."""
        return part(self.master.opcache_segment, 1, 42)

    @term
    def realpath_cache(self) -> Number:
        """Its counted bytes, and what malloc adds to entries of 115 bytes (Zend/zend_virtual_cwd.c)."""
        return part(self.realpath_cache_size, 6, 5)

    @term
    def heap_tables(self) -> Number:
        """Entries for the heap; a block above 2 MiB has its own mapping and may begin a second table (zend_alloc.c)."""
        return part(self.heap_ceiling, 2, MAPPED_BY_ONE_BYTE)

    @term
    def other_tables(self) -> Number:
        """Entries for what else a full child touches: caches by malloc and the shared segments."""
        return part(self.realpath_cache + self.function_table + self.master.segments, 1, MAPPED_BY_ONE_BYTE)

    @claim(process=POOL, count="children", kind="private", measured="measured")
    def zend_heap(self) -> Number:
        """What the Zend allocator may take from the kernel for one request (Zend/zend_alloc.c)."""
        return round_up(self.heap_ceiling, PAGE)

    @claim(process=POOL, count="children", kind="private")
    def child_private(self) -> Number:
        """Private pages of a child beside its heap (docs/services/php-fpm.md)."""
        return round_up(self.CHILD + self.function_table + self.realpath_cache, PAGE)

    @claim(process=POOL, count="children", kind="private")
    def extension_escape(self) -> Number:
        """Memory of extensions by malloc as assumed or measured, with its page tables (docs/services/php-fpm.md)."""
        return self.outside_heap + part(self.outside_heap, 1, MAPPED_BY_ONE_BYTE)

    @claim(process=POOL, count="children", kind="kernel")
    def page_tables(self) -> Number:
        """An entry for each page that a child touches: program, libraries, heap, shared segments (x86-64)."""
        return round_up(self.master.base_tables + self.heap_tables + self.other_tables, PAGE)

    @claim(process=POOL, count="children", kind="kernel")
    def child_kernel(self) -> Number:
        """Task, stack, descriptors and mappings of a child (docs/services/php-fpm.md)."""
        return round_up(self.CHILD_KERNEL + self.master.mappings, PAGE)

    @claim(process=MASTER, kind="shared")
    def scoreboard(self) -> Number:
        """A slot for every allowed child, and two pages for a status pool (sapi/fpm/fpm/fpm_scoreboard.c)."""
        return round_up(self.SCOREBOARD + times(self.SLOT, self.max_children), PAGE) + times(self.status_children, PAGE)

    @claim(process=f"{POOL} (status)", count="status_children", kind="private")
    def status_child_private(self) -> Number:
        """A child that answers only the status page: one chunk of heap and its own pages (sapi/fpm/fpm/fpm_conf.c)."""
        return round_up(ZEND_CHUNK + self.CHILD + self.function_table, PAGE)

    @claim(process=f"{POOL} (status)", count="status_children", kind="kernel")
    def status_child_kernel(self) -> Number:
        """Kernel memory of such a child, page tables included (docs/services/php-fpm.md)."""
        return round_up(self.master.base_tables + self.CHILD_KERNEL + self.master.mappings, PAGE)


@dataclass(frozen=True, eq=False, kw_only=True)
class PhpFpm(Service):
    """One master: its pools, and the segments that it maps for all of them before it forks.

    `extensions` names what is loaded or built in (`dom`, `gd`, ...): exposures, no claim, come from it.
    """

    program: ClassVar[str] = "php-fpm"
    part_field: ClassVar[str] = "pools"

    pools: tuple[PhpFpmPool, ...] = ()
    extensions: tuple[str, ...] = ()

    process_max: Number = count("process.max", UNLIMITED, "Children of all pools together.", FPM, 1, cap)
    max_memory_limit: Number = size(
        "max_memory_limit", UNLIMITED, "What no memory_limit may pass (from PHP 8.5 on).", INI, ZEND_CHUNK, MiB,
        limit_or_none,
    )  # fmt: skip
    extension_files: Number = count("extension", 0, "Extension files that the master loads, zend_extension too.", INI)
    opcache: Number = flag(
        "zend_extension=opcache",
        since("8.5", then=1, before=0),
        "Whether opcache is loaded; built in from 8.5 on.",
        INI,
    )
    opcache_enable: Number = flag("opcache.enable", 1, "0: no segment is mapped.", OPCACHE)
    opcache_memory_consumption: Number = size(
        "opcache.memory_consumption", since("7.2", then=128 * MiB, before=64 * MiB),
        "Shared segment for compiled scripts, interned strings included.", OPCACHE, 8 * MiB, MiB, segment,
    )  # fmt: skip
    opcache_interned_strings_buffer: Number = size(
        "opcache.interned_strings_buffer", since("7.2", then=8 * MiB, before=4 * MiB),
        "Interned strings, inside opcache.memory_consumption.", OPCACHE, 0, MiB, strings,
    )  # fmt: skip
    opcache_jit: str = word(
        "opcache.jit", since("8.4", then="disable", before="tracing", unknown="tracing"),
        "Any word but `disable` maps the JIT's buffer.", "ext/opcache/jit/zend_jit.c", lower,
    )  # fmt: skip
    opcache_jit_buffer_size: Number = size(
        "opcache.jit_buffer_size", since("8.4", then=64 * MiB, before=0),
        "Machine code of the JIT, beside opcache.memory_consumption.", OPCACHE,
    )  # fmt: skip
    opcache_huge_code_pages: Number = flag(
        "opcache.huge_code_pages", 0, "1: PHP's own code is copied into huge pages.", OPCACHE
    )
    apcu: Number = flag("extension=apcu", 0, "Whether APCu is loaded.", INI)
    apc_enabled: Number = flag("apc.enabled", 1, "0: no segment is mapped.", APCU)
    apc_shm_size: Number = size("apc.shm_size", 32 * MiB, "Shared segment of APCu.", APCU, parse=apc_memory)
    use_zend_alloc: Number = flag(
        "USE_ZEND_ALLOC", 1, "0 in the environment: malloc in place of the heap, and no limit.", "Zend/zend_alloc.c",
        monotone=False,
    )  # fmt: skip
    use_zend_alloc_huge_pages: Number = flag(
        "USE_ZEND_ALLOC_HUGE_PAGES", 0, "1 in the environment: chunks in huge pages.", "Zend/zend_alloc.c"
    )

    # Measured bare and with each extension file alone on 8.2.36 (docs/services/php-fpm.md).
    PRIVATE: ClassVar[int] = 3408 * KiB
    FILE_PRIVATE: ClassVar[int] = 64 * KiB
    HUGE_CODE: ClassVar[int] = 4 * MiB  # whole huge pages of php-fpm's text (ext/opcache/ZendAccelerator.c)
    KERNEL: ClassVar[int] = 160 * KiB
    FILE_KERNEL: ClassVar[int] = 2 * KiB
    # Where the kernel places a mapping is drawn anew at every start: each may begin in one more page table, so four
    # pages above the 132 KiB that were seen.
    TABLES: ClassVar[int] = 148 * KiB
    FILE_TABLES: ClassVar[int] = 3 * KiB

    @property
    def libraries(self) -> int:
        """Bytes that the libraries behind the loaded extensions write at start."""
        return library_bytes(self.extensions)

    @term
    def opcache_segment(self) -> Number:
        """Mapped whole where opcache is loaded and enabled (ext/opcache/zend_shared_alloc.c)."""
        return choose(self.opcache, choose(self.opcache_enable, self.opcache_memory_consumption, 0), 0)

    @term
    def jit_buffer(self) -> Number:
        """Mapped beside it unless opcache.jit is `disable` (ext/opcache/ZendAccelerator.c)."""
        return 0 if self.opcache_jit == "disable" else choose(
            self.opcache_segment, round_up(self.opcache_jit_buffer_size, PAGE), 0
        )  # fmt: skip

    @term
    def apcu_segment(self) -> Number:
        """One mapping of apc.shm_size (APCu, apc_sma.c)."""
        return choose(self.apcu, choose(self.apc_enabled, self.apc_shm_size, 0), 0)

    @term
    def segments(self) -> Number:
        """Shared memory that every child can touch."""
        return round_up(self.opcache_segment + self.jit_buffer + self.apcu_segment, PAGE)

    @term
    def base_tables(self) -> Number:
        """Page tables of program, libraries and their data in one process (docs/services/php-fpm.md)."""
        return self.TABLES + times(self.FILE_TABLES, self.extension_files) + part(self.libraries, 1, 16)

    @term
    def mappings(self) -> Number:
        """What the kernel keeps of the mapped files in one process (docs/services/php-fpm.md)."""
        return times(self.FILE_KERNEL, self.extension_files) + part(self.libraries, 1, 16)

    @claim(process=MASTER, kind="private")
    def master_private(self) -> Number:
        """Anonymous memory of the master, which grows with what it loads (docs/services/php-fpm.md)."""
        return (
            self.PRIVATE
            + times(self.FILE_PRIVATE, self.extension_files)
            + self.libraries
            + choose(self.use_zend_alloc_huge_pages, ZEND_CHUNK, 0)
            + choose(self.opcache_segment, choose(self.opcache_huge_code_pages, self.HUGE_CODE, 0), 0)
        )

    @claim(process=MASTER, kind="kernel")
    def master_page_tables(self) -> Number:
        """Page tables of the master, which touches little of its segments (docs/services/php-fpm.md)."""
        return round_up(self.base_tables, PAGE)

    @claim(process=MASTER, kind="kernel")
    def master_kernel(self) -> Number:
        """Task, stack, descriptors and mappings of the master (docs/services/php-fpm.md)."""
        return round_up(self.KERNEL + self.mappings, PAGE)

    @claim(process=MASTER, kind="shared")
    def opcache_shared(self) -> Number:
        """Compiled scripts and interned strings, once for all children (ext/opcache/zend_shared_alloc.c)."""
        return round_up(self.opcache_segment, PAGE)

    @claim(process=MASTER, kind="shared")
    def jit_shared(self) -> Number:
        """Machine code, once for all children (ext/opcache/ZendAccelerator.c)."""
        return round_up(self.jit_buffer, PAGE)

    @claim(process=MASTER, kind="shared")
    def apcu_shared(self) -> Number:
        """User cache, once for all children (APCu, apc_sma.c)."""
        return round_up(self.apcu_segment, PAGE)

    def listed(self) -> Iterator[tuple[str, Setting]]:
        """Its rows of the settings table."""
        return master_rows(self)

    def caps(self, claims: tuple[Claim, ...]) -> Iterator[Cap]:
        """process.max over the children of all pools, those of status listeners included."""
        limit: Any = self.known["process_max"].value
        if limit is UNKNOWN or (not is_array(limit) and limit == UNLIMITED):
            return
        counts = ("children", "status_children")
        members = tuple(one for pool in self.pools for count in counts for one in _member(pool, count, claims))
        yield Cap(
            self.address, "process.max", limit, members, ((f"{self.address}.process_max", self.known["process_max"]),),
            self.cgroup,
        )  # fmt: skip

    def exposures(self) -> Iterator[Exposure]:
        """Memory of extensions by malloc, limits that scripts can raise, files in tmpfs; of the pools too."""
        yield from of_extensions(self)
        for pool in self.pools:
            yield from of_pool(pool)


def _member(pool: PhpFpmPool, count: str, claims: tuple[Claim, ...]) -> Iterator[tuple[Number, Number]]:
    """(processes, bytes of one) of the pool's claims that `count` multiplies; none where nothing of it is known."""
    each: Number = 0
    processes: Number = 0
    for one in claims:
        if one.service == pool.address and one.method.count == count and one.unknown is None:
            each, processes = each + one.each, one.count
    if is_array(processes) or processes:
        yield processes, each
