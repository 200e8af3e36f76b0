"""Start a case, read the same files with our readers, and ask php-fpm what is in force."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

from capacity.arithmetic import UNLIMITED, Number
from capacity.readers.php_fpm import FpmConfiguration, read_fpm
from capacity.readers.php_layers import PhpLayers, read_php_layers
from capacity.readers.php_limits import InForce
from capacity.root import open_root
from capacity.settings import File
from tests.real.fpm import FpmServer, NotStarted
from tests.real.php_cases import Case

LIVE = open_root("/")

ASK = """<?php
$get = 'ini_get'; $set = 'ini_set'; $before = $get('memory_limit');
$percent = $get('memory_hard_limit_percent');
echo json_encode([
  'memory_limit' => $before,
  'percent' => $percent,
  'loaded' => php_ini_loaded_file(),
  'scanned' => php_ini_scanned_files(),
  'marker' => get_cfg_var('capacity_marker'),
  'raised' => @$set('memory_limit', '333M') !== false,
], JSON_INVALID_UTF8_SUBSTITUTE);
"""


# What the heap really holds back: the figure of the fatal error, which an unlimited heap does not have.
EXCEED = "<?php ini_set('display_errors', '1'); ini_set('html_errors', '0'); echo str_repeat('x', 1 << 46);"
ALLOWED = re.compile(rb"Allowed memory size of (\d+) bytes")


def server_of(case: Case, directory: Path) -> FpmServer:
    """The files of a case, written; not started."""
    files = dict(case.files)
    if case.pools:
        files["pool.conf"] = case.pools
    main = case.main if case.main is not None else "[global]\ninclude = {dir}/pool.conf\n"
    if isinstance(main, bytes):
        main = main.replace(b"{dir}", str(directory).encode())
    made = FpmServer(directory, main, case.ini, dict(case.scan), dict(case.env), list(case.args), files, case.bare)
    for name, target in case.links.items():
        (directory / name).parent.mkdir(exist_ok=True)
        os.symlink(target, directory / name)
    return made


def reading_of(server: FpmServer) -> tuple[PhpLayers, FpmConfiguration]:
    """Our reading of the same files; it is told only what the command line and the environment say."""
    args = server.args
    named = [args[i + 1] for i, arg in enumerate(args) if arg == "-c"]
    layers = read_php_layers(
        LIVE,
        "/etc/php/8.2/fpm",
        "/etc/php/8.2/fpm/conf.d",
        ini=named[-1] if named else None,
        ignore="-n" in args,
        defines=[(args[i + 1], File("command line")) for i, arg in enumerate(args) if arg == "-d"],
        environment=server.env,
    )
    prefixes = [args[i + 1] for i, arg in enumerate(args) if arg == "-p"]
    read = read_fpm(
        LIVE,
        str(server.main_file),
        given_prefix=prefixes[-1] if prefixes else None,
        variables=layers.variables,
        allow_root="-R" in args,
    )
    return layers, read


def limit_in_force(server: FpmServer, script: Path, socket: str, params: dict[str, str] | None = None) -> Number:
    """The bytes that the heap of this request may have, by the error that php-fpm answers."""
    out, _ = server.request(script, socket, params).communicate()
    found = ALLOWED.search(out)
    if found is not None:
        return int(found[1])
    end = time.monotonic() + 5  # a heap without a limit asks the kernel, which refuses: the child leaves with code 1
    while "exited with code 1" not in server.said() and time.monotonic() < end:
        time.sleep(0.01)
    assert "exited with code 1" in server.said(), out[:300]
    return UNLIMITED


def check_request(server: FpmServer, ours: InForce, params: dict[str, str]) -> None:
    """One request with these parameters: the limit of its heap, the text, and whether a script may change it."""
    socket = f"{server.directory}/www.s"
    body = server.ask(server.script("ask.php", ASK), socket, params)
    answer = json.loads(body[body.index(b'{"memory_limit"') :])  # a refused text is answered with warnings first
    assert answer["memory_limit"] == ours.setting.text
    assert answer["raised"] == ours.raisable
    assert limit_in_force(server, server.script("exceed.php", EXCEED), socket, params) == ours.setting.value


def started(server: FpmServer) -> NotStarted | None:
    """Start the server; what it said where it refused."""
    try:
        server.start()
    except NotStarted as refused:
        return refused
    return None
