"""What is hidden before a line or a command is shown, and what is not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.readers.masking import is_secret, masked, shown


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "DB_PASSWORD",
        "requirepass",
        "masterauth",
        "API_KEY",
        "aws.secret",
        "auth_token",
        "MYSQL_PWD",
        "db-dsn",
    ],
)
def test_names_that_may_hold_a_secret(name: str) -> None:
    assert is_secret(name)


OPEN = "key_buffer_size memory_limit author MemoryMax keys_zone listen.backlog proxy_cache_bypass fastcgi_pass"


@pytest.mark.parametrize("name", OPEN.split())
def test_names_that_hold_none(name: str) -> None:
    assert not is_secret(name)


@pytest.mark.parametrize(
    ("words", "result"),
    [
        (("a", "--password=x"), ("a", "--password=***")),
        (("a", "--password", "x", "y"), ("a", "--password", "***", "y")),
        (("a", "--password", "--memory=256"), ("a", "--password", "--memory=256")),
        (("/usr/bin/mysql", "-px", "db"), ("/usr/bin/mysql", "-p***", "db")),
        (("mysql", "-p", "db"), ("mysql", "-p", "db")),
        (("php", "-px"), ("php", "-px")),
        (("redis-cli", "-a", "x", "info"), ("redis-cli", "-a", "***", "info")),
        (("a", "redis://user:x@host/0"), ("a", "redis://user:***@host/0")),
        (("a", '{"API_TOKEN": "x", "B": "y"}'), ("a", '{"API_TOKEN": "***", "B": "y"}')),
        (("a", "-o", "DB_PASSWORD=x"), ("a", "-o", "DB_PASSWORD=***")),
        ((), ()),
    ],
)
def test_command_lines(words: tuple[str, ...], result: tuple[str, ...]) -> None:
    assert masked(words) == result


def test_a_line_is_shown_whole_or_not_at_all() -> None:
    assert shown("requirepass", "requirepass x") == ""
    assert shown("save_path", "session.save_path = tcp://u:x@h") == ""
    assert shown("ExecStart", "ExecStart=mysql -px", "mysql -px") == ""
    assert shown("memory_limit", "memory_limit = 256M ; half") == "memory_limit = 256M ; half"


@settings(deadline=None)
@given(st.lists(st.text(max_size=30), max_size=8))
def test_any_words_keep_their_number_and_are_masked_once_for_all(words: list[str]) -> None:
    once = masked(words)
    assert len(once) == len(words)
    assert masked(once) == once
