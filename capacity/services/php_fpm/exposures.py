"""What no setting of PHP-FPM bounds: memory that extensions take by malloc, limits that scripts can raise, files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from capacity.arithmetic import UNKNOWN, any_unlimited
from capacity.record import record
from capacity.service import Exposure

if TYPE_CHECKING:
    from capacity.services.php_fpm.claims import PhpFpm, PhpFpmPool

WALL: Final = "MemoryMax= of the unit, or LimitAS= for each process; --assume php-fpm.outside_heap=SIZE to price it"


@record
class Escape:
    """Extensions that share one library, and what that library takes beside memory_limit."""

    extensions: frozenset[str]
    what: str
    why: str
    fix: str = WALL


def _escape(extensions: str, what: str, why: str, fix: str = WALL) -> Escape:
    return Escape(frozenset(extensions.split()), what, why, fix)


# Growth at memory_limit = 64M, one child of 8.2.36 (docs/services/php-fpm.md, "What memory_limit does not see").
ESCAPES: Final = (
    _escape(
        "xml dom simplexml xsl soap xmlreader xmlwriter wddx",
        "documents of libxml",
        "libxml takes them by malloc: about 0.5 KB an element, kept by the child after the request",
    ),
    _escape("gd", "images of gd", "4 bytes for each pixel by malloc, whatever the size of the upload"),
    _escape(
        "imagick gmagick",
        "images of ImageMagick",
        "8 bytes for each pixel by malloc",
        "policy.xml of ImageMagick (memory, map, area), or MemoryMax= of the unit",
    ),
    _escape("intl", "formatters of ICU", "by malloc: about 50 KB for each IntlDateFormatter, kept by the child"),
    _escape("sqlite3 pdo_sqlite", "databases in memory", "SQLite takes them by malloc"),
    _escape("ffi", "memory taken by C code", "FFI::new() may take any size by malloc", "ffi.enable=0 (or preload)"),
    _escape("sodium", "password hashes", "Argon2 takes its memory cost by malloc for the time of a hash"),
    _escape("curl", "transfers of libcurl", "buffers, HTTP/2 streams and certificate stores by malloc"),
    _escape("openssl", "TLS contexts", "OpenSSL takes certificates and keys by malloc"),
    _escape("pgsql pdo_pgsql oci8 pdo_oci odbc pdo_odbc", "database results", "its C library mallocs them"),
    _escape("shmop sysvshm", "System V segments", "shared memory that outlives the process", "kernel.shmall"),
    _escape("grpc swoole openswoole newrelic ddtrace blackfire tideways xdebug", "agents", "own memory by malloc"),
)  # fmt: skip


def of_extensions(master: PhpFpm) -> Iterator[Exposure]:
    """Memory that loaded extensions, and PHP itself, take by malloc: no setting of PHP bounds it."""
    loaded = {name.lower() for name in master.extensions}
    for escape in ESCAPES:
        named = sorted(escape.extensions & loaded)
        if named:
            yield Exposure(master.address, f"{escape.what} ({', '.join(named)})", escape.why, escape.fix)
    yield Exposure(
        master.address, "compiled patterns", "up to 4096 regular expressions a child by malloc, each of any size", WALL
    )
    yield Exposure(
        master.address,
        "stack of a child",
        "recursion inside C code (nested data, callbacks) grows it up to the stack limit, 8 MiB by default",
        "LimitSTACK= of the unit; zend.max_allowed_stack_size from PHP 8.3 on",
    )
    yield Exposure(
        master.address,
        "buffer of the cycle collector",
        "8 bytes by malloc for each live object, 12 % of a full heap, where a script calls gc_disable()",
        WALL,
    )
    yield Exposure(
        master.address,
        "functions, classes and names of types",
        "tables by malloc, 36 bytes for each that a request declares, 8 for each type named in cached code",
        WALL,
    )
    yield Exposure(
        master.address, "programs that scripts start", "exec() and proc_open() run them beside the children",
        "disable_functions, or MemoryMax= and TasksMax= of the unit",
    )  # fmt: skip


def of_pool(pool: PhpFpmPool) -> Iterator[Exposure]:
    """What a pool's own settings leave open: a limit that scripts can raise, uploads, the status listener."""
    limit = pool.known["memory_limit"].value
    if pool.raisable and limit is not UNKNOWN and not any_unlimited(limit):
        yield Exposure(
            pool.address,
            "memory_limit can be raised",
            "a script may set any limit with ini_set(), a .user.ini too: the claim holds only while none does",
            "php_admin_value[memory_limit] in the pool",
        )
    yield Exposure(
        pool.address,
        "uploads and spooled bodies",
        "each request may leave post_max_size in the temporary directory: memory where that is a tmpfs",
        "upload_tmp_dir and sys_temp_dir on a disk, or size= of the tmpfs",
    )
    listener = pool.known["status_listen"].value
    if listener is not UNKNOWN and listener:
        yield Exposure(
            pool.address,
            "scripts over pm.status_listen",
            "its two children run any script that they are asked for, under php.ini's memory_limit, not the pool's",
            "let only the web server's status location connect there",
        )
