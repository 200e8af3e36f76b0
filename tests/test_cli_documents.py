"""The JSON of the command line: valid against its schemas, its lines add up, the same bytes for the same host."""

from __future__ import annotations

import json
import tarfile
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.commands import EXAMPLES, HOSTS, TREES, Run, name_of, started
from tests.trees import SMALL, write


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(capsys)


# ---------------------------------------------------------------------------------------------- JSON


@pytest.fixture(scope="module")
def schemas() -> dict[str, jsonschema.Draft202012Validator]:
    found = {}
    for name in ("check", "settings"):
        schema = json.loads(files("capacity.report").joinpath(f"{name}.schema.json").read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        found[name] = jsonschema.Draft202012Validator(schema)
    return found


def strict(text: str) -> Any:
    def refuse(word: str) -> None:
        raise ValueError(word)

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("tree", TREES, ids=name_of)
def test_every_document_validates(tree: Path, run: Run, schemas: dict[str, Any]) -> None:
    for command in ("check", "settings"):
        _, out, err = run(command, str(tree), "--json")
        assert (err, out.isascii()) == ("", True)
        schemas[command].validate(strict(out))


def test_documents_of_odd_hosts_validate(tmp_path: Path, run: Run, schemas: dict[str, Any]) -> None:
    small, bare = str(write(tmp_path / "small", SMALL)), str(write(tmp_path / "bare", SMALL, without="/proc/meminfo"))
    unlimited = (small, "--but", "www.memory_limit=-1")
    for words in (
        unlimited,
        (bare,),
        (small, "--process", "x=1M"),
        (small, "--but", "user.slice.MemoryMax=2G"),
    ):
        schemas["check"].validate(strict(run("check", *words, "--json")[1]))
    data = strict(run("check", *unlimited, "--json")[1])
    assert (data["scenarios"]["reachable"]["total_bytes"], data["scenarios"]["reachable"]["bounded"]) == (None, False)
    assert strict(run("check", bare, "--json")[1])["scenarios"]["promised"]["budget_bytes"] is None


def test_the_lines_of_a_document_add_up(run: Run) -> None:
    for name in EXAMPLES:
        data = json.loads(run("check", "--example", name, "--json")[1])
        for bill in data["scenarios"].values():
            taken = sum(line["relief_bytes"] for line in (*bill["caps"], *bill["walls"]))
            assert sum(claim["total_bytes"] for claim in bill["claims"]) - taken == bill["total_bytes"]
            assert sum(line["bytes"] for line in bill["budget"]) == bill["budget_bytes"]
            assert bill["budget_bytes"] - bill["bounded_total_bytes"] == bill["headroom_bytes"]


@pytest.mark.parametrize(
    "tree", [HOSTS / "incident" / "after-first-fix", HOSTS / "rules" / "links_written_out" / "silent"]
)
def test_folder_archive_and_standard_input_give_the_same_bytes(tree: Path, tmp_path: Path, run: Run) -> None:
    words = ("--json",)
    told = {command: run(command, str(tree), *words)[1] for command in ("check", "settings")}
    for mode in ("", "gz", "bz2", "xz"):
        file = tmp_path / f"host.tar.{mode}".rstrip(".")
        with tarfile.open(file, f"w:{mode}") as tar:
            tar.add(tree, arcname=".")
        for command, document in told.items():
            assert run(command, str(file), *words)[1] == document, mode
        assert started("check", "-", *words, given=file.read_bytes()).stdout.decode() == told["check"], mode
