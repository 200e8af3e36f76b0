"""PHP-FPM's datasheet: sums by hand, no limit, arrays, the cap, versions and back-ports."""

from __future__ import annotations

from typing import Any

import pytest

from capacity.arithmetic import UNKNOWN, UNLIMITED
from capacity.errors import BadValue
from capacity.service import Claim
from capacity.services.php_fpm import PhpFpm, PhpFpmPool, hard_limit_percent
from capacity.settings import NotKnown, Setting
from capacity.units import GiB, KiB, MiB


def pool(name: str = "www", **settings: Any) -> PhpFpmPool:
    return PhpFpmPool(name=name, **{"max_children": 20, **settings})


def master(*pools: PhpFpmPool, version: str = "8.2.36", **settings: Any) -> PhpFpm:
    return PhpFpm(name="php-fpm", version=version, pools=pools or (pool(),), **settings)


def claim(service: PhpFpm, name: str, part: str = "") -> Claim:
    (found,) = (c for c in service.claims() if c.name == name and c.service.endswith(f"/{part}" if part else ""))
    return found


def heap(service: PhpFpm) -> Claim:
    return claim(service, "zend_heap")


# ---------------------------------------------------------------------------------------------- the heap


def test_before_the_soft_limit_a_heap_ends_at_memory_limit() -> None:
    one = heap(master(pool(memory_limit=8192 * MiB), version="8.3.25"))
    assert (one.count, one.each, one.total) == (20, 8 * GiB, 160 * GiB)
    assert one.bound == "enforced"


@pytest.mark.parametrize(
    ("version", "percent"),
    [
        ("8.2.34", 100), ("8.2.35", 200), ("8.3.35", 100), ("8.3.36", 200), ("8.4.26", 100), ("8.4.27", 200),
        ("8.5.11", 100), ("8.5.12", 200), ("8.6.0", 200), ("8.1.34", 100), ("7.4.33", 100), ("8.3", 200), ("", 200),
    ],
)  # fmt: skip
def test_since_october_2026_a_heap_ends_at_twice_the_limit(version: str, percent: int) -> None:
    assert heap(master(pool(memory_limit=64 * MiB), version=version)).each == percent * 64 * MiB // 100


def test_the_hard_limit_follows_its_percentage() -> None:
    assert heap(master(pool(memory_limit=96 * MiB, memory_hard_limit_percent=150))).each == 144 * MiB
    assert heap(master(pool(memory_limit=96 * MiB, memory_hard_limit_percent=100))).each == 96 * MiB


def test_ordinary_growth_is_the_limit_and_a_chunk_and_never_above_the_hard_limit() -> None:
    soft = heap(master(pool(memory_limit=64 * MiB, heap="soft")))
    assert (soft.each, soft.bound) == (66 * MiB, "assumed")
    assert heap(master(pool(memory_limit=64 * MiB, heap="soft", memory_hard_limit_percent=100))).each == 64 * MiB
    assert heap(master(pool(memory_limit=64 * MiB, heap="soft"), version="8.2.31")).each == 64 * MiB


def test_max_memory_limit_holds_a_limit_back() -> None:
    capped = master(pool(memory_limit=UNLIMITED), version="8.5.0", max_memory_limit=256 * MiB)
    assert heap(capped).each == 256 * MiB


def test_the_largest_limit_of_any_request_counts() -> None:
    assert heap(master(pool(memory_limit=64 * MiB, memory_limit_elsewhere=128 * MiB))).each == 256 * MiB


def test_children_are_what_callers_can_keep_busy() -> None:
    assert heap(master(pool(busy=3))).count == 3
    assert heap(master(pool(busy=300))).count == 20


# ---------------------------------------------------------------------------------------------- no limit


@pytest.mark.parametrize("settings", [{"memory_limit": UNLIMITED}, {"memory_limit": "-1"}])
def test_no_limit_is_unlimited_with_the_measured_figure_in_the_bounded_part(settings: dict[str, Any]) -> None:
    one = heap(PhpFpm(name="php-fpm", version="8.2.36", pools=(pool(measured=300 * MiB),)).with_part(
        pool(measured=300 * MiB).but(**settings)
    ))  # fmt: skip
    assert (one.total, one.bound, one.bounded) == (UNLIMITED, "unlimited", 300 * MiB)


def test_without_zends_allocator_no_limit_holds() -> None:
    assert heap(master(pool(memory_limit=64 * MiB), use_zend_alloc=0)).total == UNLIMITED


def test_no_children_cost_nothing_even_without_a_limit() -> None:
    idle = master(pool(memory_limit=UNLIMITED, busy=0))
    assert {c.total for c in idle.claims() if c.method.count} == {0}


# ---------------------------------------------------------------------------------------------- beside the heap


def test_a_child_keeps_paths_and_a_slot_for_every_cached_function() -> None:
    one = claim(
        master(pool(realpath_cache_size=5 * MiB), opcache=1, opcache_memory_consumption=42 * MiB), "child_private"
    )
    assert one.each == 616 * KiB + 6 * MiB + 1 * MiB


def test_page_tables_are_a_five_hundred_and_twelfth_of_what_is_touched_twice_for_the_heap() -> None:
    bare = master(pool(memory_limit=512 * MiB, realpath_cache_size=0), version="8.2.31")
    assert claim(bare, "page_tables").each == 148 * KiB + 2 * MiB
    shared = master(
        pool(memory_limit=512 * MiB, realpath_cache_size=0), version="8.2.31",
        apcu=1, apc_shm_size=512 * MiB, extension_files=4,
    )  # fmt: skip
    assert claim(shared, "page_tables").each == 148 * KiB + 2 * MiB + 1 * MiB + 4 * 3 * KiB


def test_memory_outside_the_heap_is_priced_as_given() -> None:
    assert claim(master(), "extension_escape").total == 0
    given = claim(master(pool(outside_heap=64 * MiB)), "extension_escape")
    assert (given.each, given.bound) == (64 * MiB + 128 * KiB, "assumed")


def test_the_master_grows_with_its_extensions_and_their_libraries() -> None:
    bare = claim(master(), "master_private").total
    assert bare == 3408 * KiB
    assert claim(master(extension_files=3), "master_private").total == bare + 3 * 64 * KiB
    with_gd = claim(master(extension_files=3, extensions=("gd", "GD", "ctype")), "master_private").total
    assert with_gd == bare + 3 * 64 * KiB + 1024 * KiB


# ---------------------------------------------------------------------------------------------- shared once


def test_segments_are_mapped_only_where_they_are_loaded_and_enabled() -> None:
    def shared(**settings: Any) -> tuple[Any, ...]:
        one = master(**settings)
        return tuple(claim(one, name).total for name in ("opcache_shared", "jit_shared", "apcu_shared"))

    assert shared() == (0, 0, 0)
    assert shared(opcache=1, apcu=1) == (128 * MiB, 0, 32 * MiB)
    assert shared(opcache=1, opcache_enable=0, opcache_jit_buffer_size=64 * MiB, apcu=1, apc_enabled=0) == (0, 0, 0)
    assert shared(opcache=1, opcache_jit_buffer_size=64 * MiB) == (128 * MiB, 64 * MiB, 0)
    assert shared(opcache=1, opcache_jit_buffer_size=64 * MiB, opcache_jit="disable") == (128 * MiB, 0, 0)


def test_the_jit_is_disabled_by_default_only_from_8_4_on() -> None:
    mapped = {
        version: claim(master(version=version, opcache=1, opcache_jit_buffer_size=MiB), "jit_shared").total
        for version in ("8.3.30", "8.4.1", "8.4", "")
    }
    assert mapped == {"8.3.30": MiB, "8.4.1": 0, "8.4": 0, "": MiB}


def test_opcache_is_built_in_from_8_5_on() -> None:
    assert claim(master(version="8.5.1"), "opcache_shared").total == 128 * MiB
    assert claim(master(version="8.4.20"), "opcache_shared").total == 0


def test_every_allowed_child_has_a_slot_on_the_scoreboard() -> None:
    assert claim(master(pool(max_children=1)), "scoreboard").total == 4096
    assert claim(master(pool(max_children=9999, busy=1)), "scoreboard").total == -(-(168 + 9999 * 1168) // 4096) * 4096


def test_a_status_listener_has_two_children_of_one_chunk() -> None:
    one = master(pool(status_listen="127.0.0.1:9001"))
    hidden = claim(one, "status_child_private")
    assert (hidden.count, hidden.total) == (2, 2 * (2 * MiB + 616 * KiB))
    assert claim(master(), "status_child_private").total == 0


# ---------------------------------------------------------------------------------------------- process.max


def test_process_max_lets_the_dearest_children_run() -> None:
    one = master(pool("a", max_children=6, memory_limit=32 * MiB), pool("b", max_children=3, memory_limit=256 * MiB),
                 process_max=4)  # fmt: skip
    claims = tuple(one.claims())
    (cap,) = one.caps(claims)
    of_one = {
        p: sum(c.each for c in claims if c.method.count and c.service == f"php-fpm/{p}" and c.count) for p in "ab"
    }
    assert cap.relief == 5 * of_one["a"]
    assert sum(c.total for c in claims) - cap.relief == sum(
        [c.total for c in claims if not c.method.count], start=3 * of_one["b"] + 1 * of_one["a"]
    )


def test_process_max_counts_the_children_of_status_listeners() -> None:
    one = master(pool("a", max_children=4, status_listen="/run/status"), process_max=4)
    claims = tuple(one.claims())
    (cap,) = one.caps(claims)
    assert cap.relief == sum(c.total for c in claims if c.method.count == "status_children")


def test_without_process_max_there_is_no_cap() -> None:
    assert list(master().caps(tuple(master().claims()))) == []
    assert list(master(process_max=4).but(process_max="0").caps(())) == []


# ---------------------------------------------------------------------------------------------- arrays, what is unknown


def test_arrays_are_many_scalars() -> None:
    limits, children = [64 * MiB, 96 * MiB, UNLIMITED], [1, 7, 50]

    def total(limit: Any, count: Any) -> Any:
        one = master(pool(memory_limit=limit, max_children=count), pool("api"), opcache=1, process_max=12)
        claims = tuple(one.claims())
        return sum(c.total for c in claims) - sum(cap.relief for cap in one.caps(claims))

    import numpy as np

    swept = total(np.array(limits)[:, None], np.array(children))
    assert swept.tolist() == [[total(limit, count) for count in children] for limit in limits]


def test_an_unknown_limit_leaves_the_sum() -> None:
    lost = Setting("memory_limit", UNKNOWN, NotKnown("a placeholder"))
    one = master(PhpFpmPool(name="www", max_children=20, known={"memory_limit": lost}), process_max=3)
    claims = tuple(one.claims())
    assert {c.name for c in claims if c.unknown is not None} == {"zend_heap", "page_tables"}
    (cap,) = one.caps(claims)
    assert cap.members[0][0] == 20


# ---------------------------------------------------------------------------------------------- PHP's dialect


@pytest.mark.parametrize(
    ("text", "value"), [("8192M", 8 * GiB), ("1.9G", GiB), ("0x40M", 64 * MiB), ("-1", UNLIMITED), ("2M", 2 * MiB)]
)
def test_a_limit_is_read_as_php_reads_it(text: str, value: Any) -> None:
    assert pool().but(memory_limit=text).memory_limit == value


@pytest.mark.parametrize(
    ("field", "text"),
    [("memory_limit", "8192MB"), ("memory_limit", "1M"), ("memory_hard_limit_percent", "99"), ("max_children", "0")],
)
def test_what_php_refuses_is_no_value(field: str, text: str) -> None:
    with pytest.raises(BadValue):
        pool().but(**{field: text})


def test_sizes_of_the_master_have_their_own_dialects() -> None:
    one = master().but(opcache_memory_consumption="64M", apc_shm_size="64", opcache_interned_strings_buffer="16")
    assert (one.opcache_memory_consumption, one.apc_shm_size) == (64 * MiB, 64 * MiB)
    assert one.opcache_interned_strings_buffer == 16 * MiB
    assert pool().but(memory_hard_limit_percent="-1").memory_hard_limit_percent == 200


# ---------------------------------------------------------------------------------------------- back-ports


@pytest.mark.parametrize(
    ("version", "distribution", "published", "percent"),
    [
        ("8.2.36-1~deb12u1", "debian", None, 200),
        ("8.2.31-1~deb12u1", "debian", None, 100),
        ("8.3.6-0ubuntu0.24.04.5", "ubuntu", None, 200),
        ("8.3.6-0ubuntu0.24.04.5", "ubuntu", "2026-10-20", 100),
        ("8.3.6-0ubuntu0.24.04.9", "ubuntu", "2026-10-21", 200),
        ("8.1.2-1ubuntu2.22", "ubuntu", "2026-11-02", 200),
        ("8.3.25-1+ubuntu24.04.1+deb.sury.org+1", "ubuntu", None, 100),
        ("8.2.20-1.el9.remi", "rocky", None, 100),
        ("8.2.20-1.el9", "rocky", None, 200),
        ("8.3.25-1+0~20250828.60+debian12~1.gbp1", "debian", None, 100),
        ("8.3.25", "alpine", None, 100),
        ("8.3", "debian", None, 200),
        ("", "debian", None, 200),
    ],
)
def test_a_back_port_is_possible_only_where_and_when_it_can_have_been_made(
    version: str, distribution: str, published: str | None, percent: int
) -> None:
    value, reason = hard_limit_percent(version, distribution, published)
    assert value == percent
    assert version.partition("-")[0] in reason


# ---------------------------------------------------------------------------------------------- exposures


def test_exposures_name_the_extensions_that_are_loaded() -> None:
    said = " ".join(e.what for e in master(extensions=("dom", "XML", "gd")).exposures())
    assert "libxml (dom, xml)" in said
    assert "gd (gd)" in said
    assert "ImageMagick" not in said
    assert "compiled patterns" in said


def test_a_limit_that_scripts_can_raise_is_an_exposure_unless_there_is_none() -> None:
    def raised(one: PhpFpmPool) -> bool:
        return any("can be raised" in e.what for e in master(one).exposures())

    assert raised(pool(raisable=True))
    assert not raised(pool(raisable=False))
    assert not raised(pool(raisable=True, memory_limit=UNLIMITED))


def test_a_status_listener_runs_scripts_and_says_so() -> None:
    said = [e.why for e in master(pool(status_listen="/run/status")).exposures() if "status_listen" in e.what]
    assert len(said) == 1
    assert "php.ini's memory_limit" in said[0]


def test_heap_is_one_of_its_words_however_it_is_given() -> None:
    assert pool().but(heap="SOFT").heap == "soft"
    with pytest.raises(BadValue, match="hard or soft"):
        pool().but(heap="zzz")
