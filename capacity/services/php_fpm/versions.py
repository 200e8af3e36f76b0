"""Whether a PHP build has the soft memory_limit of October 2026, back-ports by distributions included."""

from __future__ import annotations

from typing import Final

from capacity.settings import reaches, version_tuple

# Security releases of 21 October 2026, one per supported branch; from them on memory_limit is soft and
# memory_hard_limit_percent (200 unless set) is where the process ends. 8.2.36 was measured, docs/services/php-fpm.md.
SOFT_LIMIT: Final = ("8.2.35", "8.3.36", "8.4.27", "8.5.12")
SOFT_LIMIT_PUBLISHED: Final = "2026-10-21"

# ID of os-release where a fix is put into an older upstream version. Debian's security uploads take the upstream
# version, Fedora, Alpine and Arch follow upstream.
BACK_PORTERS: Final = frozenset(
    ("ubuntu", "rhel", "centos", "rocky", "almalinux", "ol", "sles", "opensuse-leap", "amzn")
)
AS_UPSTREAM: Final = ("sury", "remi", "+0~")  # archives that ship upstream versions as they are, in their revisions


def hard_limit_percent(version: str, distribution: str = "", published: str | None = None) -> tuple[int, str]:
    """The built-in memory_hard_limit_percent of a build and the reason in words: 200, or 100 where the limit is hard.

    `version` is the package's (`8.3.6-0ubuntu0.24.04.5`) or upstream's, `distribution` the ID of os-release,
    `published` the day of the revision as `2026-10-21`, None where it is not known. Where both are possible the larger
    counts.
    """
    have = version_tuple(version)
    if len(have) < 3:
        return 200, f"which release of PHP {version or '(version unknown)'} it is is not known: the larger counts"
    upstream = ".".join(map(str, have))
    if reaches(version, SOFT_LIMIT):
        return 200, f"PHP {upstream} has the soft limit of {SOFT_LIMIT_PUBLISHED}"
    older = f"PHP {upstream} is older than the soft limit of {SOFT_LIMIT_PUBLISHED}"
    if distribution not in BACK_PORTERS or any(mark in version for mark in AS_UPSTREAM):
        return 100, older
    if published is not None and published < SOFT_LIMIT_PUBLISHED:
        return 100, f"{older}, and so is this revision ({published})"
    when = f"published {published}" if published else "of unknown date"
    return 200, f"{older}, but {distribution} back-ports and this revision is {when}: the larger counts"
