"""Values of unit files: sizes, limits, spans of time, counts; as systemd 252 reads them (the real tests compare)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.arithmetic import UNKNOWN, UNLIMITED
from capacity.readers.systemd.keys import KEYS, LISTS, MEMORY, misplaced, value_of
from capacity.readers.systemd.values import RESET, Rlimit, boolean, integer, permyriad, seconds, systemd_size

K, M, G = 1 << 10, 1 << 20, 1 << 30
RAM = 16 * G


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4096", 4096),
        ("1K", K),
        ("1.5G", 3 * G // 2),
        ("1 G", G),
        ("1G 512M", G + 512 * M),
        ("1G512M", G + 512 * M),
        ("1B", 1),
        ("10.M", 10 * M),
        ("+1G", G),
        ("010", 10),
        ("infinity", UNLIMITED),
        ("", UNLIMITED),
        ("50%", RAM // 2),
        ("100%", RAM),
        ("12.25%", RAM // 4096 * 1225 // 10000 * 4096),
        ("5‰", RAM // 4096 * 50 // 10000 * 4096),
    ],
)
def test_sizes_that_systemd_takes(text: str, size: float) -> None:
    assert systemd_size(text, RAM) == size


REFUSED = [
    "1g",
    "1GB",
    "1GiB",
    "0",
    "0%",
    "200%",
    "max",
    '"1G"',
    "1G # x",
    "-1",
    "1.5",
    "0x10",
    "512M 1G",
    "1 2",
    "16E",
    ".",
]


@pytest.mark.parametrize("text", [text for text in REFUSED if text != "1.5"])
def test_sizes_that_systemd_refuses(text: str) -> None:
    assert systemd_size(text, RAM) is None


def test_swap_may_be_limited_to_nothing() -> None:
    assert value_of("MemorySwapMax", "0", RAM) == 0
    assert value_of("MemorySwapMax", "0%", RAM) == 0
    assert value_of("MemoryMax", "0", RAM) is None


def test_a_share_of_unknown_ram_is_unknown_but_nothing_of_it_is_nothing() -> None:
    assert systemd_size("50%", None) is UNKNOWN
    assert systemd_size("0%", None, zero=True) == 0


def test_a_share_is_rounded_down_to_a_page() -> None:
    assert systemd_size("33.33%", 1_000_000_000) == 1_000_000_000 // 4096 * 3333 // 10000 * 4096


@settings(deadline=None)
@given(st.integers(1, 2**40), st.sampled_from("KMGT"))
def test_a_suffix_is_a_power_of_1024(count: int, suffix: str) -> None:
    factor = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}[suffix]
    expected = count * factor if count * factor < 2**64 - 1 else None
    assert systemd_size(f"{count}{suffix}", None) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [("12", 12), ("010", 8), ("0x10", 16), ("0b11", 3), ("0o17", 15), ("0", 0), ("-5", -5), ("+5", 5)],
)
def test_whole_numbers_know_bases(text: str, value: int) -> None:
    assert integer(text) == value


@pytest.mark.parametrize("text", ["", "08", "1 ", "1K", "a", "2147483648", "--1", "0x", "1.0", "٣"])
def test_what_is_no_whole_number(text: str) -> None:
    assert integer(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [("50%", 5000), ("0.25%", 25), ("0.5%", 50), ("7‱", 7), ("1.5‰", 15), ("100.00%", 10000)],
)
def test_shares(text: str, value: int) -> None:
    assert permyriad(text) == value


@pytest.mark.parametrize("text", ["50", "100.01%", "1.%", "1.234%", "-1%", "1.5‱", "%", "50 %"])
def test_what_is_no_share(text: str) -> None:
    assert permyriad(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("5s", 5),
        ("1min 30s", 90),
        ("500ms", 0.5),
        ("1.5h", 5400),
        (".5", 0.5),
        ("2 3", 5),
        ("1M", 2_629_800),
        ("7us", 7e-06),
        ("infinity", UNLIMITED),
        ("0", 0),
    ],
)
def test_spans_of_time(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "-1", "1.", "5x", "1.2.3", "s", "infinity 5", "3. 1"])
def test_what_is_no_span_of_time(text: str) -> None:
    assert seconds(text) is None


@pytest.mark.parametrize(
    ("key", "text", "limit"),
    [
        ("LimitNOFILE", "65536", Rlimit(65536, 65536)),
        ("LimitNOFILE", "1024:0x1000", Rlimit(1024, 4096)),
        ("LimitNOFILE", "1024:infinity", Rlimit(1024, UNLIMITED)),
        ("LimitAS", "1G:2G", Rlimit(G, 2 * G)),
        ("LimitAS", "1G:2G:", Rlimit(G, 2 * G)),
        ("LimitAS", "infinity", Rlimit(UNLIMITED, UNLIMITED)),
        ("LimitAS", "0", Rlimit(0, 0)),
        ("LimitAS", "2G:1G", None),
        ("LimitAS", "50%", None),
        ("LimitNOFILE", "64K", None),
        ("LimitNOFILE", "", None),
        ("LimitNOFILE", "1:", None),
        ("LimitNOFILE", "1:2:3", None),
    ],
)
def test_resource_limits(key: str, text: str, limit: Rlimit | None) -> None:
    assert value_of(key, text, None) == limit


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("OOMScoreAdjust", "-600", -600),
        ("OOMScoreAdjust", "1001", None),
        ("OOMScoreAdjust", "", RESET),
        ("OOMPolicy", "kill", "kill"),
        ("OOMPolicy", "", None),
        ("Restart", "on-abnormal", "on-abnormal"),
        ("Restart", "On-Failure", None),
        ("Delegate", "", True),
        ("Delegate", "memory pids", True),
        ("Delegate", "no", False),
        ("Delegate", '"', None),
        ("TasksMax", "infinity", UNLIMITED),
        ("TasksMax", "80%", UNKNOWN),
        ("TasksMax", "0", None),
        ("TasksMax", "", RESET),
        ("Slice", "a-b.slice", "a-b.slice"),
        ("Slice", "a.service", None),
        ("MemoryMin", "", 0),
        ("MemoryLimit", "", UNLIMITED),
        ("SomethingElse", "text", "text"),
        ("SomethingElse", "", RESET),
    ],
)
def test_other_keys(key: str, text: str, value: object) -> None:
    assert value_of(key, text, None) == value


def test_flags() -> None:
    assert [boolean(text) for text in ("yes", "On", "1", "T", "no", "OFF", "0", "f")] == [True] * 4 + [False] * 4
    assert boolean("maybe") is None
    assert boolean("") is None


def test_misplaced_keys_say_why() -> None:
    assert "case-sensitive" in misplaced("Service", "memorymax")
    assert "[Unit]" in misplaced("Unit", "MemoryMax")
    assert misplaced("Service", "MemoryMax") == ""
    assert misplaced("Service", "Unheard") == ""


@settings(deadline=None)
@given(st.sampled_from([*KEYS, *MEMORY, *LISTS, "Other"]), st.text(max_size=60), st.none() | st.integers(1, 2**50))
def test_any_text_gives_a_value_or_a_refusal(key: str, text: str, ram: int | None) -> None:
    value = value_of(key, text, ram)
    if isinstance(value, int) and key in MEMORY:
        assert 0 <= value < 2**64


@settings(deadline=None)
@given(st.text(alphabet="0123456789. KMGB", max_size=40))
def test_spans_and_sizes_of_any_digits_are_never_negative(text: str) -> None:
    size, span = systemd_size(text, None), seconds(text)
    assert size is None or (isinstance(size, (int, float)) and size > 0)
    assert span is None or span >= 0
