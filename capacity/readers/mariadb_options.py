"""The values that a MariaDB server runs with, made of its option files and its arguments.

`effective` is the whole way: names as the server resolves them, values as it reads, clamps and rounds them, what one
value does to another at start, and whether it starts at all. It knows no formula of memory. Held against `SHOW GLOBAL
VARIABLES` of started servers (tests/real/test_mariadb_readers.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from capacity.arithmetic import UNKNOWN
from capacity.readers.mariadb_arguments import Arguments, Taken, take
from capacity.readers.mariadb_defaults import DEFAULTS, JOIN_BUFFERS_SHARED, default_of
from capacity.readers.mariadb_start import Start, start
from capacity.readers.mariadb_table import table_of
from capacity.readers.mariadb_values import Value
from capacity.readers.masking import is_secret
from capacity.record import record
from capacity.settings import Assignment, Default, File, Given, NotKnown, Origin, Refusal, Remark, Setting

ENGINES = frozenset(
    "innodb innobase myisam aria memory heap csv mrg_myisam merge sequence archive blackhole federated federatedx "
    "connect rocksdb tokudb mroonga spider sphinx oqgraph s3 columnstore cassandra".split()
)
"""Names that default_storage_engine may have: engines that are built in, and those that a plugin may bring."""


@record
class Effective:
    """What a server runs with.

    `settings` has every variable of `mariadb_defaults.DEFAULTS`, optimize_join_buffer_size (a flag of optimizer_switch)
    and whatever else is set and is no secret; what could not be known is UNKNOWN. `key_caches` are caches beside the
    default one, by name, in bytes. `session_maxima` is what `maximum-` lets sessions set at most. A server with
    `refusals` does not start.
    """

    settings: Mapping[str, Setting]
    key_caches: Mapping[str, Setting]
    session_maxima: Mapping[str, Setting]
    refusals: tuple[Refusal, ...] = ()
    remarks: tuple[Remark, ...] = ()


def effective(
    assignments: Sequence[Assignment],
    arguments: Sequence[str] = (),
    version: str = "",
    nofile_limit: int | tuple[int, int] | None = None,
    *,
    flavour: str = "mariadb",
    cpus: int | None = None,
    arguments_at: File | None = None,
    program: str = "mariadbd",
) -> Effective:
    """Values in effect for `assignments` of the option files (in order) and `arguments` of the command line, which win.

    `arguments` is without the program's name and without `--defaults-*` (`OptionFiles.arguments`); `arguments_at` is
    where they stand (a unit file). `nofile_limit` is LimitNOFILE (soft and hard alike, or a pair), None where it is not
    known: then nothing is lowered. Without `version` the larger default and the wider limit count. Only where `flavour`
    is mariadb an unknown option is a Refusal.
    """
    place = arguments_at or File("command line")
    origin: Origin = arguments_at or Given("on the command line")
    certain = flavour == "mariadb"
    taken = take(assignments, arguments, place, origin, table_of(version), certain=certain, program=program)
    settings = {name: _setting(name, taken.taken.get(name, []), version, program) for name in DEFAULTS}
    for name, history in taken.taken.items():
        if name not in settings and history and not is_secret(name):
            settings[name] = _setting(name, history, version, program)
    settings["log_bin"] = _binary_log(settings["log_bin"], taken.taken.get("log_bin", []))
    settings["optimize_join_buffer_size"] = _shared_join_buffers(settings["optimizer_switch"], version, program)
    begun = Start(settings, version, program)
    _failed_engines(begun, taken)
    limits = (nofile_limit, nofile_limit) if isinstance(nofile_limit, int) else nofile_limit
    start(begun, limits, cpus)
    notes = [] if certain else [Remark(place, f"values are read as MariaDB reads them; this server is {flavour}")]
    notes += [
        Remark(begun.at(name), f"{name} = {history[-1].text}: {history[-1].value.note}")
        for name, history in taken.taken.items()
        if history and history[-1].value is not None and history[-1].value.note and not is_secret(name)
    ]
    return Effective(
        settings,
        {
            name: _setting(f"{name}.key_buffer_size", history, version, program)
            for name, history in taken.caches.items()
        },
        {name: _setting(name, history, version, program) for name, history in taken.maxima.items()},
        (*taken.refusals, *begun.refusals),
        (*taken.remarks, *notes, *begun.remarks),
    )


def _setting(name: str, history: Sequence[Taken], version: str, program: str) -> Setting:
    """The last of a variable's settings over all before it and the built-in value."""
    losers: list[Setting] = []
    builtin = default_of(name, version)
    if builtin is not None:
        losers.append(Setting(name, builtin, Default(program, version)))
    for each in history:
        losers.append(_one(name, each))
    winner = losers.pop()
    return Setting(name, winner.value, winner.origin, winner.text, tuple(reversed(losers)))


def _one(name: str, taken: Taken) -> Setting:
    if taken.value is None:
        at = taken.origin if isinstance(taken.origin, File) else None
        return Setting(name, UNKNOWN, NotKnown("a template's placeholder", at), taken.text)
    return Setting(name, taken.value.value, taken.origin, taken.text)


def _binary_log(setting: Setting, history: Sequence[Taken]) -> Setting:
    """log_bin as ON or OFF: any value is a file's name and turns it on; only `skip-log-bin` turns it off."""
    states = ["OFF" if each.turned and each.value == Value("0", "0") else "ON" for each in history]
    if not history:
        return setting
    losers = [
        Setting("log_bin", state, each.origin, each.text) for state, each in zip(states[:-1], history[:-1], strict=True)
    ]
    overrode = (*reversed(losers), setting.overrode[-1])
    return Setting("log_bin", states[-1], setting.origin, setting.text, overrode)


def _shared_join_buffers(switch: Setting, version: str, program: str) -> Setting:
    """The flag optimize_join_buffer_size of optimizer_switch: 1 where join_buffer_space_limit is looked at, else 0.

    What overrode what are the lines at which the flag changed.
    """
    name = "optimize_join_buffer_size"
    builtin = JOIN_BUFFERS_SHARED.of(version)
    chain = [Setting(name, builtin, Default(program, version))]
    for each in reversed((switch, *switch.overrode)):
        flags = dict(part.partition("=")[::2] for part in str(each.value).split(","))
        state = int(flags[name] == "on") if name in flags else builtin
        if state != chain[-1].value:
            chain.append(Setting(name, state, each.origin, each.text))
    winner = chain.pop()
    return Setting(name, winner.value, winner.origin, winner.text, tuple(reversed(chain)))


def _failed_engines(begun: Start, taken: Arguments) -> None:
    """What an error in a plugin's options does: InnoDB refuses where it is the default engine, others are left out."""
    engine = str(begun.settings["default_storage_engine"].value).lower()
    if engine not in ENGINES:
        begun.refuse("default_storage_engine", f"Unknown/unsupported storage engine: {engine}")
    for stage, refusals in taken.failed.items():
        if stage == "innodb":
            begun.innodb_fails(refusals)
        else:
            begun.remarks.extend(Remark(each.at, f"{each.reason}: the plugin {stage} is left out") for each in refusals)
    if begun.settings["innodb"].value == "OFF" and "innodb" not in taken.failed:
        begun.innodb_refuses("innodb", "Unknown/unsupported storage engine: InnoDB")
