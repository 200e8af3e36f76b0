"""Rules about MariaDB: options that are believed to hold, and sessions that nobody counted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from capacity.evidence import known, marks
from capacity.findings import Finding, Mark, rule
from capacity.services.mariadb.claims import MariaDb
from capacity.settings import Assignment, File, Setting
from capacity.units import human

if TYPE_CHECKING:
    from capacity.host import Host

SPARE = 5  # sessions that a proposed max_connections leaves above what clients open


@rule("CAP202", "MariaDb")
def option_file_never_read(database: MariaDb, host: Host) -> Iterator[Finding]:
    """An option file that looks like the server's configuration and that no include reaches.

    Why: its values are believed to hold. When the file that did win is removed or renamed, the built-in default
    returns, not the value of the file that was never read.
    Fix: move the file into a directory that is included and let its name end in .cnf, or delete it.
    Source: my_print_defaults(1); MariaDB manual, Configuring MariaDB with Option Files; mysys/my_default.c.
    """
    for stray in host.never_read:
        for assignment in stray.assignments:
            setting = _field(database, assignment.name)
            if setting is not None:
                yield _stray(database, stray.path, stray.why, assignment, setting)


def _field(database: MariaDb, name: str) -> Setting | None:
    found = database.known.get(name.replace("-", "_").lower())
    return found if found is not None and found.value != "" else None


def _stray(database: MariaDb, path: str, why: str, assignment: Assignment, setting: Setting) -> Finding:
    value = f"{setting.text or human(setting.value)}" if isinstance(setting.value, (int, float)) else str(setting.value)
    spec = type(database).specs()[assignment.name.replace("-", "_").lower()]
    default = spec.default_of(database.version)
    in_effect = f"in effect: {setting.name} = {value}, {_where(setting)}"
    notes = [why, in_effect]
    if setting.origin.kind == "file":
        built_in = human(default) if spec.size and isinstance(default, int) else str(default)
        notes.append(f"if that file goes, the server gets its own default, {built_in}, not {assignment.value}")
    return Finding(
        "CAP202", "option_file_never_read", "warning", f"{assignment.name} = {assignment.value} is never read",
        (Mark(assignment.at, "never read"), *marks(setting, "in force")), tuple(notes), None,
        f"move {path} into a directory that is included, named *.cnf, or delete it",
    )  # fmt: skip


def _where(setting: Setting) -> str:
    return f"from {setting.origin}" if isinstance(setting.origin, File) else f"the {setting.origin}"


@rule("CAP203", "MariaDb")
def sessions_are_not_coupled(database: MariaDb, host: Host) -> Iterator[Finding]:
    """The server listens beyond loopback: clients of other hosts count too, and nothing here bounds them.

    Why: what the PHP children of this host can open is no upper bound of the sessions; max_connections is.
    Fix: bind_address = 127.0.0.1 where no other host uses the server, or a max_connections that fits.
    Source: MariaDB manual, bind_address; sql/mysqld.cc.
    """
    if database.listens_beyond_loopback:
        yield Finding(
            "CAP203", "sessions_are_not_coupled", "note",
            f"{database.name} listens beyond loopback: {database.max_connections} sessions count in every scenario",
            tuple(marks(database.known["bind_address"], "reachable from other hosts")),
            (f"max_connections = {database.max_connections}, {database.known['max_connections'].origin}",), None,
            "bind_address = 127.0.0.1, if no other host uses this server",
        )  # fmt: skip


@rule("CAP204", "MariaDb")
def sessions_promise_more_than_clients_open(database: MariaDb, host: Host) -> Iterator[Finding]:
    """max_connections promises far more sessions than the clients of the host can open.

    Why: every session may hold its packet, sort, join and temporary buffers at once; a client that connects too often
    (a leak, a crawler, a second application) gets what was promised.
    Fix: max_connections a little above what the clients can open.
    Source: MariaDB manual, max_connections; docs/services/mariadb.md.
    """
    from capacity.couplings import reachable

    clients = [one for one in reachable(host.services) if isinstance(one, MariaDb) and one.name == database.name]
    if not clients or database.known["sessions"].origin.kind in {"given", "measured"}:
        return
    promised, reached = known(database, "connections"), known(clients[0], "connections")
    if not (isinstance(promised, int) and isinstance(reached, int)) or reached * 2 > promised:
        return
    if database.max_connections <= reached + SPARE or any(one.program == "php-fpm" for one in host.refusals):
        return  # near enough; or the clients that a refused PHP-FPM would be are not among those counted
    each = sum(claim.each for claim in database.claims() if claim.method.count == "connections")
    yield Finding(
        "CAP204", "sessions_promise_more_than_clients_open", "note",
        f"max_connections allows {database.max_connections} sessions, the clients of this host open {reached}",
        tuple(marks(database.known["max_connections"], f"{database.max_connections} sessions")),
        (f"{clients[0].known['sessions'].origin}", f"each session may take {human(each)}"),
        int((promised - reached) * each), f"max_connections = {reached + SPARE} in the server's option file",
        (f"{database.name}.max_connections", str(reached + SPARE)),
    )  # fmt: skip
