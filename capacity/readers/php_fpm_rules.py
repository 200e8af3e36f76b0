"""What php-fpm holds its configuration against before it starts: directives, their values, the pools as a whole.

Source: sapi/fpm/fpm/fpm_conf.c and fpm_unix.c of PHP 8.2 (the directives are the same in 8.3 to 8.5), held against
php-fpm 8.2 in tests/real/test_php_readers.py. FPM stops at its first complaint; here every pool's first one is named.
Not held: resource limits, and whether sockets can be bound.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from capacity.readers.php_ini_text import to_int

if TYPE_CHECKING:
    from capacity.readers.php_fpm import PoolText
    from capacity.root import Root

SWITCHES_ON: Final = frozenset(("1", "yes", "true", "on"))
SWITCHES_OFF: Final = frozenset(("", "0", "no", "none", "false", "off"))

_INTEGER = re.compile(r"-?[0-9]*")
_LEVELS: Final = frozenset(("debug", "notice", "warning", "warn", "error", "alert"))
_FACILITIES: Final = frozenset(
    "AUTH AUTHPRIV CRON DAEMON FTP KERN LPR MAIL NEWS SYSLOG USER UUCP LOCAL0 LOCAL1 LOCAL2 LOCAL3 LOCAL4 LOCAL5 "
    "LOCAL6 LOCAL7".split(" ")
)
_NOT_A_NUMBER: Final = "is not a valid number (greater or equal than zero)"


def _integer(text: str) -> str:
    return "" if _INTEGER.fullmatch(text) else _NOT_A_NUMBER


def _time(text: str) -> str:
    if not text:
        return "invalid time value"
    return "" if text[-1] in "mhds0123456789" else "unknown suffix used in time value"


def _switch(text: str) -> str:
    return "" if text in SWITCHES_ON or text in SWITCHES_OFF else "invalid boolean value"


def _string(_: str) -> str:
    return ""


def _core(text: str) -> str:
    if text.lower() == "unlimited":
        return ""
    return _integer(text) or ("must be greater than zero or 'unlimited'" if to_int(text) < 0 else "")


def _manager(text: str) -> str:
    known = text.lower() in ("static", "dynamic", "ondemand")
    return "" if known else "invalid process manager (static, dynamic or ondemand)"


def _level(text: str) -> str:
    return "" if text.lower() in _LEVELS else "invalid value for 'log_level'"


def _facility(text: str) -> str:
    return "" if text.upper() in _FACILITIES else "invalid value"


Check = Callable[[str], str]

GLOBAL: Final[Mapping[str, Check]] = {
    "pid": _string,
    "error_log": _string,
    "syslog.ident": _string,
    "syslog.facility": _facility,
    "log_buffering": _switch,
    "log_level": _level,
    "log_limit": _integer,
    "emergency_restart_threshold": _integer,
    "emergency_restart_interval": _time,
    "process_control_timeout": _time,
    "process.max": _integer,
    "process.priority": _integer,
    "daemonize": _switch,
    "rlimit_files": _integer,
    "rlimit_core": _core,
    "events.mechanism": _string,
    "systemd_interval": _time,
}
POOL: Final[Mapping[str, Check]] = {
    "prefix": _string,
    "user": _string,
    "group": _string,
    "listen": _string,
    "listen.backlog": _integer,
    "listen.acl_users": _string,
    "listen.acl_groups": _string,
    "listen.owner": _string,
    "listen.group": _string,
    "listen.mode": _string,
    "listen.allowed_clients": _string,
    "process.priority": _integer,
    "process.dumpable": _switch,
    "pm": _manager,
    "pm.max_children": _integer,
    "pm.start_servers": _integer,
    "pm.min_spare_servers": _integer,
    "pm.max_spare_servers": _integer,
    "pm.max_spawn_rate": _integer,
    "pm.process_idle_timeout": _time,
    "pm.max_requests": _integer,
    "pm.status_path": _string,
    "pm.status_listen": _string,
    "ping.path": _string,
    "ping.response": _string,
    "access.log": _string,
    "access.format": _string,
    "slowlog": _string,
    "request_slowlog_timeout": _time,
    "request_slowlog_trace_depth": _integer,
    "request_terminate_timeout": _time,
    "request_terminate_timeout_track_finished": _switch,
    "rlimit_files": _integer,
    "rlimit_core": _core,
    "chroot": _string,
    "chdir": _string,
    "catch_workers_output": _switch,
    "decorate_workers_output": _switch,
    "clear_env": _switch,
    "security.limit_extensions": _string,
    "apparmor_hat": _string,
}
EXPANDED: Final = frozenset(name for name, check in POOL.items() if check is _string)  # `$pool` is replaced in these
PHP_ARRAYS: Final = ("php_value", "php_admin_value", "php_flag", "php_admin_flag")


def seconds(text: str) -> int:
    """A time of php-fpm in seconds: a number with s (or none), m, h or d; any other text before the suffix is 0."""
    factor = {"m": 60, "h": 3600, "d": 86400}.get(text[-1:], 1)
    return to_int(f"{to_int(text) * factor}")


def full_path(path: str, *prefixes: str | None) -> str:
    """`path` below the first prefix that is given, as fpm_evaluate_full_path makes it absolute."""
    if path.startswith("/"):
        return path
    prefix = next((one for one in prefixes if one is not None), "")
    joined = f"{prefix}/{path}"
    return joined if joined.startswith("/") or len(prefixes) < 2 else full_path(joined, *prefixes[1:])


def _port(address: str) -> str:
    """What is wrong with the port of `listen`, if it is no socket file."""
    port = address.rpartition(":")[2]
    return "" if is_unix_socket(address) or 1 <= to_int(port) <= 65535 else f"invalid port value '{port}'"


def is_unix_socket(address: str) -> bool:
    """Whether `listen` names a socket file: no colon, and not only digits (fpm_sockets_domain_from_address)."""
    return ":" not in address and not (address.isascii() and address.isdigit())


Complaint = tuple[str, str]  # the directive it is about ("" for the pool as a whole), what php-fpm says


def global_complaint(numbers: Mapping[str, int], mechanism: str | None) -> Complaint | None:
    """What php-fpm says against its global section, or None. `numbers` are the numbers that are set and known."""
    if numbers.get("log_limit", 1024) < 512:
        return "log_limit", "log_limit must be greater than 512"
    if numbers.get("process.max", 0) < 0:
        return "process.max", "process_max can't be negative"
    if not -19 <= numbers.get("process.priority", 0) <= 20 and numbers["process.priority"] != 64:
        return "process.priority", "process.priority must be included into [-19,20]"
    if mechanism is not None and mechanism.lower() not in ("epoll", "poll", "select"):
        return "events.mechanism", f"event mechanism '{mechanism}' is not available on this system"
    return None


def pool_complaint(pool: PoolText, *, needs_user: bool, edge_trigger: bool) -> Complaint | None:
    """The first thing that php-fpm says against a pool, or None; nothing is said about what is not known."""
    for rule in (_identity, _processes, _status, _ping, _slowlog, _access):
        found = rule(pool, needs_user, edge_trigger)
        if found is not None and not pool.not_known(found[0]):
            return found
    return None


def _identity(pool: PoolText, needs_user: bool, _: bool) -> Complaint | None:
    if needs_user and pool.text("user") is None:
        return "user", "user has not been defined"
    if not pool.text("listen"):
        return "listen", "no listen address have been defined!"
    fault = _port(pool.text("listen") or "")
    if fault and not pool.not_known("listen"):
        return "listen", fault
    priority = pool.number("process.priority", 64)
    if priority is not None and priority != 64 and not -19 <= priority <= 20:
        return "process.priority", "process.priority must be included into [-19,20]"
    if pool.text("pm.status_listen") == "":
        return "pm.status_listen", "no listen address have been defined for the status pool!"
    return None


def _processes(pool: PoolText, _: bool, edge_trigger: bool) -> Complaint | None:
    if pool.text("pm") is None:
        return "pm", "the process manager is missing (static, dynamic or ondemand)"
    most = pool.number("pm.max_children")
    if most is not None and most < 1:
        return "pm.max_children", "pm.max_children must be a positive value"
    manager = (pool.text("pm") or "").lower()
    if manager == "dynamic":
        return _spares(pool, most)
    if manager == "ondemand":
        if not edge_trigger:
            return "pm", "ondemand process manager can ONLY be used when events.mechanism is either epoll or kqueue"
        idle = pool.text("pm.process_idle_timeout")
        if idle is not None and seconds(idle) < 1:
            return "pm.process_idle_timeout", "pm.process_idle_timeout must be greater than 0s"
    return None


def _spares(pool: PoolText, most: int | None) -> Complaint | None:
    least_spare, most_spare = pool.number("pm.min_spare_servers"), pool.number("pm.max_spare_servers")
    for name, number in (("pm.min_spare_servers", least_spare), ("pm.max_spare_servers", most_spare)):
        if number is not None and number <= 0:
            return name, f"{name}({number}) must be a positive value"
    for name, number in (("pm.min_spare_servers", least_spare), ("pm.max_spare_servers", most_spare)):
        if number is not None and most is not None and number > most:
            return name, f"{name}({number}) cannot be greater than pm.max_children({most})"
    if least_spare is None or most_spare is None:
        return None
    if most_spare < least_spare:
        return "pm.max_spare_servers", f"must not be less than pm.min_spare_servers({least_spare})"
    start = pool.number("pm.start_servers")
    if start is not None and start > 0 and not least_spare <= start <= most_spare:
        return (
            "pm.start_servers",
            f"pm.start_servers({start}) must not be less than pm.min_spare_servers({least_spare}) "
            f"and not greater than pm.max_spare_servers({most_spare})",
        )
    rate = pool.number("pm.max_spawn_rate", 32)
    if rate is not None and rate < 1:
        return "pm.max_spawn_rate", "pm.max_spawn_rate must be a positive value"
    return None


_PAGE = re.compile(r"[A-Za-z0-9/_.~-]*")


def _status(pool: PoolText, _: bool, __: bool) -> Complaint | None:
    return _page(pool, "pm.status_path", "status", short=pool.text("pm.status_listen") is None)


def _ping(pool: PoolText, _: bool, __: bool) -> Complaint | None:
    found = _page(pool, "ping.path", "ping", short=True)
    if found is None and pool.text("ping.path") and pool.text("ping.response") == "":
        return "ping.response", "the ping response page '' is not long enough"
    return found


def _page(pool: PoolText, name: str, word: str, *, short: bool) -> Complaint | None:
    path = pool.text(name)
    if not path:
        return None
    if not path.startswith("/"):
        return name, f"the {word} path '{path}' must start with a '/'"
    if short and len(path) < 2:
        return name, f"the {word} path '{path}' is not long enough"
    if not _PAGE.fullmatch(path):
        return name, f"the {word} path '{path}' must contain only the following characters '[alphanum]/_-.~'"
    return None


def _slowlog(pool: PoolText, _: bool, __: bool) -> Complaint | None:
    slow = seconds(pool.text("request_slowlog_timeout") or "0")
    depth = pool.number("request_slowlog_trace_depth", 0)
    for name, wanted in (("request_slowlog_timeout", slow), ("request_slowlog_trace_depth", depth)):
        if wanted and not pool.text("slowlog") and not pool.not_known("slowlog"):
            return name, f"'slowlog' must be specified for use with '{name}'"
    last = seconds(pool.text("request_terminate_timeout") or "0")
    if slow and last and slow > last:
        return (
            "request_slowlog_timeout",
            f"'request_slowlog_timeout' ({slow}) can't be greater than 'request_terminate_timeout' ({last})",
        )
    if depth is not None and depth < 0:
        return "request_slowlog_trace_depth", f"'request_slowlog_trace_depth' ({depth}) must be a positive value"
    return None


_TOKEN = re.compile(r"%(?:\{(?P<word>[^}]*)\})?(?P<sign>.?)", re.DOTALL)
_WORDS: Final[Mapping[str, frozenset[str]]] = {
    "C": frozenset(("", "total", "user", "system")),
    "d": frozenset(
        ("", "seconds", "milliseconds", "milli", "miliseconds", "mili", "microseconds", "micro"),
    ),
    "M": frozenset(("", "bytes", "kilobytes", "kilo", "megabytes", "mega")),
}


def _access(pool: PoolText, _: bool, __: bool) -> Complaint | None:
    """The tokens of `access.format`, where there is an access.log (fpm_log.c, fpm_log_write)."""
    text = pool.text("access.format")
    if not pool.text("access.log") or text is None:
        return None
    for token in _TOKEN.finditer(text):
        word, sign = (token["word"] or "").lower(), token["sign"]
        if not sign and token["word"] is None:
            continue  # a lone % at the end
        fits = word in _WORDS[sign] if sign in _WORDS else bool(word) == (sign in "eo") or sign in "tT"
        if not sign or sign not in "%CdeflmMnopPqQrRstTu" or not fits:
            return "access.format", f"wrong format for access.format '{text}'"
    return None


def directories_of(pool: PoolText, prefix: str) -> Iterator[tuple[str, str]]:
    """(directive, absolute directory) of every directory that has to be there when php-fpm starts."""
    own = pool.text("prefix") or None
    if own is not None:
        own = full_path(own, prefix)
        yield "prefix", own
    chroot = pool.text("chroot")
    if chroot:
        if chroot.startswith("$prefix"):
            chroot = f"{own or prefix}/{chroot.removeprefix('$prefix')}"
        chroot = full_path(chroot, own, prefix)
        yield "chroot", chroot
    chdir = pool.text("chdir")
    if chdir:
        chdir = full_path(chdir, own, prefix)
        yield "chdir", f"{chroot}/{chdir}" if chroot else chdir
    logs = ["access.log"] + (["slowlog"] if seconds(pool.text("request_slowlog_timeout") or "0") else [])
    for name in logs:
        path = pool.text(name)
        if path:
            yield name, full_path(path, own, prefix).rpartition("/")[0] or "/"


def account_complaint(root: Root, pool: PoolText, *, allow_root: bool) -> Complaint | None:
    """What php-fpm, started as root, says against a pool's accounts; silent where the tree cannot tell.

    The names are looked up in the root's own /etc/passwd and /etc/group, and only where nsswitch.conf names no other
    source of accounts.
    """
    from capacity.readers.accounts import account, group_number

    user, group = pool.text("user"), pool.text("group")
    found = account(root, user) if user else None
    gid = found.gid if found is not None else None
    users, groups = _tells(root, "passwd"), _tells(root, "group")
    sharers = [("listen.acl_users", who) for who in (pool.text("listen.acl_users") or "").split(",")]
    for name, who in (("user", user), ("listen.owner", pool.text("listen.owner")), *sharers):
        if users and who and not who.isdigit() and account(root, who) is None and not pool.not_known(name):
            return name, f"cannot get uid for user '{who}'"
    sharers = [("listen.acl_groups", who) for who in (pool.text("listen.acl_groups") or "").split(",")]
    for name, who in (("group", group), ("listen.group", pool.text("listen.group")), *sharers):
        if groups and who and not who.isdigit() and group_number(root, who) is None and not pool.not_known(name):
            return name, f"cannot get gid for group '{who}'"
    uid = found.uid if found is not None else 0 if user == "" else None
    if group:
        gid = group_number(root, group)
    elif user and found is None and users:
        gid = 0  # a number without an account: php-fpm keeps its own group
    if not allow_root and (uid == 0 or gid == 0):
        return "user" if uid == 0 else "group", "please specify user and group other than root"
    return None


def _tells(root: Root, database: str) -> bool:
    """Whether /etc/passwd (or group) of the root is the whole truth about its accounts."""
    if root.kind(f"/etc/{database}") != "file":
        return False
    if root.kind("/etc/nsswitch.conf") != "file":
        return True
    for line in root.read("/etc/nsswitch.conf").decode("latin-1").split("\n"):
        name, colon, sources = line.split("#", 1)[0].partition(":")
        if colon and name.strip() == database:
            return set(re.sub(r"\[[^\]]*\]", " ", sources).split()) <= {"files", "compat", "systemd"}
    return True
