"""Rules about what could not be read or is not known: it is shown, and it never passes as nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from capacity.arithmetic import UNKNOWN
from capacity.findings import Finding, Mark, rule
from capacity.settings import File, NotKnown, version_tuple

if TYPE_CHECKING:
    from capacity.host import Host
    from capacity.services.site import Seen


@rule("CAP301", "Host")
def program_refuses(host: Host, _: Host) -> Iterator[Finding]:
    """A program would not start with this configuration.

    Why: what does not start has no worst case of its own; it is not priced at defaults as if it ran. In a copied tree
    the cause is often a file that was not copied: then what was read is priced, and the sum says "at least".
    Fix: the program's own check shows the same: php-fpm -t, mariadbd --help --verbose.
    Source: docs/readers.md.
    """
    for refusal in host.refusals:
        lost = " (probably lost in the copy)" if refusal.lost else ""
        yield Finding(
            "CAP301", "program_refuses", "error",
            f"{refusal.program} refuses this configuration{lost}: {refusal.reason}",
            (Mark(refusal.at, "here"),), (), None, "mend it, or copy what is missing",
        )  # fmt: skip


@rule("CAP302", "Host")
def not_read(host: Host, _: Host) -> Iterator[Finding]:
    """Something was not read, or was read and ignored.

    Why: a file that nobody could read, a line that its program ignores, a value that was adjusted: the answer is only
    as good as what was read.
    Fix: read the host with the rights to do so, or mend the line.
    Source: docs/readers.md.
    """
    for remark in host.remarks:
        yield Finding("CAP302", "not_read", "warning", remark.message, (Mark(remark.at, ""),))


@rule("CAP303", "Host")
def value_not_known(host: Host, _: Host) -> Iterator[Finding]:
    """A value that the bill needs is not known.

    Why: a claim that reads it stands outside the sum; the total is then a lower bound, and the verdict is never "fits".
    Fix: give it: --memory, --but ADDRESS=VALUE.
    Source: docs/model.md.
    """
    if host.memory.known["mem_total"].value is UNKNOWN:
        yield Finding(
            "CAP303", "value_not_known", "error", "the RAM of this host is not in the tree", fix="--memory 16G"
        )
    for service in (*host.services, *host.walls):
        for one in (service, *service.parts):
            for field, setting in one.known.items():
                if isinstance(setting.origin, NotKnown):
                    place = setting.origin.at
                    yield Finding(
                        "CAP303", "value_not_known", "error",
                        f"{setting.name} of {one.address} is not known: {setting.origin.why}",
                        (Mark(place, "not known"),) if place else (), (), None, f"--but {one.address}.{field}=VALUE",
                    )  # fmt: skip


@rule("CAP304", "Host")
def not_priced(host: Host, _: Host) -> Iterator[Finding]:
    """A program is installed and not in the bill: nothing starts it, it refuses to start, or it is not modelled here.

    Why: what does not start takes nothing; when somebody starts it, it takes what its configuration says. A server that
    is not modelled here (MySQL, Percona Server) takes what nobody has added up: then the verdict is never "fits".
    Fix: none, unless it is meant to run: then enable it and look again; --process NAME=BYTES for what is not modelled.
    Source: docs/readers.md.
    """
    for seen in host.programs:
        if not seen.priced:
            yield Finding(
                "CAP304", "not_priced", "note" if seen.enabled is False else "warning",
                f"{seen.program} {seen.instance} is not in the bill: {seen.why}",
                tuple(_of_file(seen)),
            )  # fmt: skip


@rule("CAP305", "Host")
def version_not_known(host: Host, _: Host) -> Iterator[Finding]:
    """The version of a program is not known to its last number.

    Why: defaults and formulas changed between releases; where the version does not tell, the larger value counts.
    Fix: copy the package database too (/var/lib/dpkg/status, /lib/apk/db/installed).
    Source: docs/readers.md.
    """
    for seen in host.programs:
        if seen.priced and len(version_tuple(seen.version)) < 3:
            have = f"{seen.version}, and no more" if seen.version else "unknown"
            yield Finding(
                "CAP305", "version_not_known", "note",
                f"the version of {seen.program} {seen.instance} is {have}: the larger value counts where it matters",
                tuple(_of_file(seen)),
            )  # fmt: skip


def _of_file(seen: Seen) -> Iterator[Mark]:
    """The file that speaks of a program, as a whole."""
    if seen.at is not None:
        yield Mark(seen.at, "")


@rule("CAP306", "Host")
def links_written_out(host: Host, _: Host) -> Iterator[Finding]:
    """Symbolic links of this tree were written out as text files, and were read as the links that they stand for.

    Why: a checkout without symbolic links leaves the target's path as the content. A real program would read the path
    as configuration.
    Fix: copy with tar, which keeps links.
    Source: git-config(1), core.symlinks.
    """
    if host.flattened:
        first = File(host.flattened[0])
        more = f" and {len(host.flattened) - 1} more" if len(host.flattened) > 1 else ""
        yield Finding(
            "CAP306", "links_written_out", "note",
            f"{host.flattened[0]}{more}: a link as a text file, read as the link",
            (Mark(first, ""),),
        )  # fmt: skip


@rule("CAP307", "Host")
def file_never_read(host: Host, _: Host) -> Iterator[Finding]:
    """A file that looks like configuration and that its program never opens.

    Why: its values are believed to hold, and do not.
    Fix: move it where the program looks, or delete it.
    Source: docs/readers.md.
    """
    for stray in host.never_read:
        if not stray.assignments:  # of option files with settings CAP202 speaks
            yield Finding(
                "CAP307", "file_never_read", "note", f"{stray.path} is never read: {stray.why}",
                (Mark(File(stray.path), ""),), (), None, "move it to where its program looks, or delete it",
            )  # fmt: skip
