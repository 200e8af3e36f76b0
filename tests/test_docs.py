"""The pages are fresh, complete and true: what is generated, every rule's page, every public name, the examples."""

from __future__ import annotations

import doctest
import importlib
import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import capacity
from capacity import arithmetic
from capacity.memory import Memory
from capacity.root import open_root
from capacity.rules import all_rules
from capacity.services.registry import SERVICES
from capacity.services.site import Site
from capacity.units import MiB
from capacity.walls import Wall
from tests.trees import UNIT, WANTS, write

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
RULES = all_rules()


@pytest.fixture
def generate(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """docs/generate.py as a module."""
    monkeypatch.syspath_prepend(str(DOCS))
    return importlib.import_module("generate")


# ---------------------------------------------------------------------------------------------- what is generated


def test_nothing_that_is_generated_is_stale() -> None:
    done = subprocess.run(
        [sys.executable, str(DOCS / "generate.py"), "--check"], capture_output=True, encoding="utf-8", check=False,
        cwd=ROOT, env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.stdout, done.returncode) == ("", 0), f"python docs/generate.py\n{done.stdout}{done.stderr}"


def test_a_stale_part_is_found_and_what_is_written_by_hand_stays(generate: ModuleType) -> None:
    page = "by hand\n\n<!-- generated: begin -->\nold\n<!-- generated: end -->\n\nby hand too\n"
    made = generate.filled(page, {"": lambda: "new\n"})
    assert made == page.replace("old", "new")
    with pytest.raises(KeyError):
        generate.filled(page.replace("begin -->", "begin nobody -->"), generate.parts())


def test_every_service_has_a_page_with_all_of_its_claims_settings_and_assumptions(generate: ModuleType) -> None:
    for service in SERVICES:
        page = (DOCS / "services" / f"{service.__module__.split('.')[2].replace('_', '-')}.md").read_text("utf-8")
        assert len(generate.PART.findall(page)) == 1
        for cls in (service, *generate.datasheets.part_of(service)):
            rows = [f"| `{claim.name}` |" for claim in cls.claim_methods()]
            rows += [
                f"| `{spec.name if spec.kind == 'setting' else f'{cls.program}.{field}'}` |"
                for field, spec in cls.specs().items()
            ]
            assert [row for row in rows if row not in page] == [], service.__name__


def test_the_first_line_of_every_formula_is_a_whole_sentence(generate: ModuleType) -> None:
    """Tables and `capacity explain` show that line alone."""
    cut = []
    for service in (*SERVICES, Memory, Wall):
        for cls in (service, *generate.datasheets.part_of(service)):
            for member in generate.datasheets.explained(cls):
                if not member.doc.endswith("."):
                    cut.append(f"{cls.__name__}.{member.name}: {member.doc}")
    assert cut == []


# ---------------------------------------------------------------------------------------------- rules


@pytest.mark.parametrize("code", RULES)
def test_every_rule_is_a_page(code: str) -> None:
    page = inspect.cleandoc(RULES[code].page)
    assert re.match(r"\S.+\.\n\nWhy: .+\nFix: .+\nSource: .+", page, re.DOTALL), code
    text = (DOCS / "rules.md").read_text("utf-8")
    heads = re.findall(r"^## (CAP\d{3}): (.+)$", text, re.MULTILINE)
    assert (code, RULES[code].name.replace("_", " ")) in heads
    assert len(heads) == len(RULES)
    of_rule = text.split(f"## {code}:")[1].split("\n## ")[0]
    assert all(f"**{word}:** " in of_rule for word in ("Why", "Fix", "Source"))


@pytest.mark.parametrize("code", RULES)
def test_every_page_of_this_house_that_a_rule_names_is_there(code: str) -> None:
    assert [name for name in re.findall(r"docs/[\w/-]+\.md", RULES[code].page) if not (ROOT / name).is_file()] == []


# ---------------------------------------------------------------------------------------------- names and examples


@pytest.mark.parametrize("name", capacity.__all__)
def test_every_public_name_is_explained(name: str) -> None:
    one = getattr(capacity, name)
    if isinstance(one, type) or callable(one):
        # an inherited docstring explains something else
        assert inspect.cleandoc(one.__doc__ or ""), name
        assert all(one.__doc__ != base.__doc__ for base in getattr(one, "__mro__", [])[1:])
    else:
        assert f"`{name}`" in (arithmetic.__doc__ or "") or type(one).__doc__, name


def test_the_example_of_the_package_is_true() -> None:
    result = doctest.testmod(capacity, raise_on_error=True)
    assert (result.failed, result.attempted) == (0, 3)


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    text = (DOCS / "architecture.md").read_text("utf-8")
    names = {re.split(r"[<>=~! \[]", one)[0] for one in project["dependencies"]}
    assert names == set(re.findall(r"^\| `([\w-]+)` \| .+ \| .+ \|$", text.split("## Dependencies")[1], re.MULTILINE))


def test_every_module_is_named_in_the_page_of_the_house() -> None:
    text = (DOCS / "architecture.md").read_text("utf-8")
    paths = [path for path in (ROOT / "capacity").rglob("*.py") if path.read_text("utf-8").strip()]
    assert len(paths) > 50
    assert [str(path) for path in paths if f"| `{path.relative_to(ROOT / 'capacity')}` |" not in text] == []


def test_the_worked_example_of_a_service_reads_a_host(tmp_path: Path) -> None:
    page = (DOCS / "adding-a-service.md").read_text("utf-8")
    code = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)[0]
    (tmp_path / "memcached_example.py").write_text(code, "utf-8")
    spec = importlib.util.spec_from_file_location("memcached_example", tmp_path / "memcached_example.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["memcached_example"] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
        unit = "/usr/lib/systemd/system/memcached.service"
        tree = {
            unit: UNIT.format(service="ExecStart=/usr/bin/memcached -m 512"),
            f"{WANTS}/memcached.service": f"-> {unit}",
        }
        (service,) = module.read(Site(open_root(write(tmp_path / "host", tree))))
        (items,) = service.claims()
        assert (items.total, items.bound) == (512 * MiB, "enforced")
        assert str(service.known["memory"].origin).startswith(f"{unit}:4:")
    finally:
        del sys.modules["memcached_example"]
