"""The report: well formed, self-contained, complete, the same every time, and deaf to what a configuration says."""

from __future__ import annotations

import base64
import itertools
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import capacity
from capacity.errors import BadValue
from capacity.findings import Edit, Finding, Mark
from capacity.host import Host
from capacity.memory import Memory
from capacity.report.html import _card, report
from capacity.report.words import sanitize
from capacity.services.process import Process
from capacity.settings import File, NeverRead, NotKnown, Refusal, Remark, Setting
from capacity.units import GiB, human

VOID = {"meta", "br", "img", "source", "link", "input", "hr"}
HOSTILE = '<script>alert("1")</script><img src="http://x" onerror=y>\' {{ 7*7 }} \x1b[2J\u202e\x00\r\n\udcff$x^{'


class Page(HTMLParser):
    """What a page holds; parsing fails where an element is not closed, in order, or an id stands twice."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []
        ids = [attributes["id"] for _, attributes in self.elements if "id" in attributes]
        assert len(ids) == len(set(ids))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs)
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.text += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def section(text: str, name: str) -> str:
    """The text of one section of a report."""
    return Page(re.search(rf'<section id="{name}".*?</section>', text, re.DOTALL)[0]).text  # type: ignore[index]


def made(name: str = "web1", *services: Process, **attributes: Any) -> Host:
    memory = attributes.pop("memory", Memory(name="kernel", mem_total=16 * GiB))
    return Host(name=name, memory=memory, services=services, **attributes)


@pytest.fixture(scope="module")
def before() -> Host:
    return capacity.read_host(capacity.example("incident-before"))


@pytest.fixture(scope="module")
def page(before: Host) -> str:
    return report(before)


# ---------------------------------------------------------------------------------------------- the file


def test_the_page_is_well_formed_and_runs_and_fetches_nothing(page: str) -> None:
    parsed = Page(page)
    assert not {"script", "link", "iframe", "object", "embed", "form", "base", "use"} & {
        tag for tag, _ in parsed.elements
    }
    for tag, attributes in parsed.elements:
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "srcset", "action", "data", "background", "poster", "xlink:href"):
            address = attributes.get(name) or ""
            assert name not in attributes or address.startswith(("#", "data:image/svg+xml;base64,")), (tag, address)
    assert "url(" not in page
    assert "@import" not in page
    policy = [one["content"] for one in parsed.of("meta") if one.get("http-equiv") == "Content-Security-Policy"]
    assert policy == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]
    assert len(page.encode()) < 600_000


def test_links_within_the_page_lead_somewhere(page: str) -> None:
    parsed = Page(page)
    ids = {attributes.get("id") for _, attributes in parsed.elements}
    assert parsed.of("a")
    assert {(one["href"] or "")[1:] for one in parsed.of("a")} <= ids


def test_pictures_are_svg_that_fetches_nothing_in_two_inks_with_their_numbers_as_words(before: Host, page: str) -> None:
    images = Page(page).of("img")
    assert len(images) % 2 == 0
    for image in images:
        svg = base64.b64decode((image["src"] or "").partition("base64,")[2]).decode()
        root = ElementTree.fromstring(svg)
        assert root.tag.endswith("svg")
        for element in root.iter():
            assert not element.tag.endswith(("script", "image", "foreignObject"))
            links = [value for name, value in element.attrib.items() if name.endswith("href")]
            assert all(value.startswith("#") for value in links)
    assert [image["class"] for image in images] == ["light", "dark"] * (len(images) // 2)
    bill = before.bill()
    assert f"{human(bill.total)} may be taken" in (images[0]["alt"] or "")
    assert "php8.3-fpm 160." in (images[0]["alt"] or "")


@pytest.mark.parametrize("scenario", ["reachable", "promised"])
def test_the_same_host_gives_the_same_bytes(scenario: Any) -> None:
    pages = {report(capacity.read_host(capacity.example("incident-before")), scenario) for _ in range(2)}
    assert len(pages) == 1


def test_the_settings_of_matplotlib_change_neither_the_page_nor_are_they_changed(before: Host, page: str) -> None:
    import matplotlib

    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.fonttype": "path"}):
        held = dict(matplotlib.rcParams)
        assert report(before) == page
        assert dict(matplotlib.rcParams) == held


def test_text_has_enough_contrast_in_both_themes(page: str) -> None:
    themes = re.findall(r":root \{(.*?)\}", page)
    assert len(themes) == 2
    for theme in themes:
        colours = dict(re.findall(r"--(\w+): (#[0-9a-f]+)", theme))
        for ground in ("ground", "panel"):
            for ink in ("text", "quiet", "bad", "warn", "good", "link"):
                assert _contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
        for ink in ("text", "quiet"):
            assert _contrast(colours[ink], colours["mark"]) >= 4.5


def _contrast(one: str, other: str) -> float:
    """Contrast of two colours (WCAG 2.1, relative luminance)."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


# ---------------------------------------------------------------------------------------------- what it says


def test_the_band_has_the_sentence_both_scenarios_and_the_versions(before: Host, page: str) -> None:
    text = Page(re.search(r"<header.*?</header>", page, re.DOTALL)[0]).text  # type: ignore[index]
    assert "api-gateway can run out of memory: " in text
    assert f"capacity {capacity.__version__}" in text
    for scenario in ("reachable", "promised"):
        bill = before.bill(scenario)  # type: ignore[arg-type]
        assert scenario in text
        assert human(bill.total) in text
        assert human(bill.headroom) in text
        assert human(bill.budget.total) in text


@pytest.mark.parametrize("scenario", ["reachable", "promised"])
def test_every_byte_is_there_and_the_sums_with_it(before: Host, scenario: Any) -> None:
    bill = before.bill(scenario)
    text = section(report(before, scenario), "bytes")
    assert f"{bill.total:,} B" in text
    for line in bill.explain():
        assert line.name in text
        assert f"{line.bytes:,} B" in text or line.bytes == 0
        if line.bytes:
            assert all(f"{address}" in text and str(setting.origin) in text for address, setting in line.settings)
    services = {claim.service for claim in bill.claims}
    for service in services:
        assert f"{service}: {human(sum(c.total for c in bill.claims if c.service == service))}" in text


def test_what_a_setting_overrode_stands_under_it(page: str) -> None:
    assert re.search(
        r"8192M = 8,589,934,592.*?overrode 128M = 134,217,728, /etc/php/8.3/fpm/php.ini:2",
        section(page, "bytes"),
        re.DOTALL,
    )


def test_caps_and_walls_are_lines_that_take_off(before: Host) -> None:
    walled = before.but({"user.slice.MemoryMax": "2G", "php8.3-fpm.process.max": 5})
    bill = walled.bill()
    text = section(report(walled), "bytes")
    for line in (*bill.caps, *bill.walls):
        assert f"less: {line.service}: -{human(line.relief)}" in text
    assert f"{bill.total:,} B" in text


def test_the_budget_stands_line_by_line(before: Host, page: str) -> None:
    text = section(page, "budget")
    budget = before.bill().budget
    assert all(line.name in text and f"{line.bytes:,} B" in text and line.doc in text for line in budget.lines)
    assert f"{budget.total:,} B" in text


def test_findings_are_cards_with_the_most_bytes_first(before: Host, page: str) -> None:
    findings = before.findings()
    text = section(page, "blame")
    assert all(finding.code in text and finding.message in text for finding in findings)
    at_stake = [int(found.replace(",", "")) for found in re.findall(r"At stake: .*?\(([\d,]+) B\)", text)]
    assert at_stake == sorted((f.bytes for f in findings if f.bytes is not None), reverse=True)
    assert re.search(r"php_admin_value\[memory_limit\] = 8192M\n +│ +\^{5} each may take", text)


def test_carets_stand_under_the_value_also_with_tabs_and_in_long_lines() -> None:
    for lead in ("\tphp\t= ", "x" * 300, "ü\u202e= "):
        text = f"{lead}8192M ; why" + "y" * 300
        start = len(lead) + 1
        mark = Mark(File("/a", 3, (start, start + 5), text), "here")
        card = _card(Finding("CAP000", "none", "error", "m", (mark,)))
        source = card.files[0][1][0]
        assert source.value == "8192M"
        assert len(source.indent) == len(source.before)
        assert source.carets == "^^^^^"
        assert len(source.before + source.value + source.after) < 200
        assert sanitize(source.before) == source.before
        assert "\t" not in source.before


def test_a_fix_is_shown_as_lines_to_remove_and_to_insert() -> None:
    fix = Edit("/etc/x.conf", 7, "a = 1", "a = 2")
    host = made()
    object.__setattr__(
        host, "findings", lambda: (Finding("CAP999", "none", "error", "m", fix=fix, bytes=5, after="better"),)
    )
    text = section(report(host), "blame")
    assert "/etc/x.conf:7" in text
    assert "- a = 1\n+ a = 2" in text
    assert "better" in text


def test_exposures_and_assumptions_are_listed(before: Host, page: str) -> None:
    text = section(page, "exposures")
    assert before.exposures()
    assert all(one.what in text and one.why in text and one.fix in text for one in before.exposures())
    assert "php8.3-fpm/www.outside_heap" in section(page, "assumptions")


def test_what_was_not_known_never_read_and_refused_is_told() -> None:
    host = made(
        "web1",
        Process(name="java", private=capacity.UNKNOWN),
        refusals=(Refusal("mariadbd", File("/etc/my.cnf", 3), "unknown option", lost=True),),
        never_read=(NeverRead("/etc/mysql/stray.cnf", "no include names it"),),
        remarks=(Remark(File("/etc/a", 2), "could not be read"),),
    )  # fmt: skip
    text = section(report(host), "unknown")
    assert "mariadbd, /etc/my.cnf:3:1: unknown option (probably lost in the copy)" in text
    assert "/etc/mysql/stray.cnf: no include names it" in text
    assert "/etc/a:2:1: could not be read" in text
    assert "java: private is not known" in text
    assert "not known, outside the sum" in section(report(host), "bytes")


def test_nothing_is_said_where_there_is_nothing() -> None:
    known = Memory(name="kernel", mem_total=16 * GiB, kernel_now=0, base_system=0)
    host = made(cpus=Setting("cpus", 2, File("/proc/cpuinfo")), memory=known)
    text = report(host)
    for title in ("Not known", "Never read", "Refused", "Programs found"):
        assert re.search(rf"<h3>{title}</h3>\s*<p>Nothing\.</p>", text)
    assert "Nothing." in section(text, "exposures")
    assert "Nothing is on the bill." in section(text, "bytes")
    assert "Nothing was found." in section(text, "blame")
    Page(text)


def test_a_host_without_ram_and_one_without_limit_have_a_report() -> None:
    memory = Memory(name="kernel", known={"mem_total": Setting("MemTotal", capacity.UNKNOWN, NotKnown("no meminfo"))})
    text = report(made("web1", Process(name="java", private=GiB), memory=memory))
    Page(text)
    assert "RAM is not known: give --memory" in text
    assert "MemTotal is not known (not known: no meminfo)" in section(text, "budget")
    text = report(made("web1", Process(name="cache", private=capacity.UNLIMITED)))
    assert "no limit" in section(text, "bytes")
    assert "no limit for cache" in (Page(text).of("img")[0]["alt"] or "")


def test_a_host_of_arrays_has_no_report() -> None:
    with pytest.raises(BadValue, match="one host"):
        report(made("web1", Process(name="java", private=[GiB, 2 * GiB])))  # type: ignore[arg-type]
    with pytest.raises(BadValue, match="one host"):
        report(made("web1", memory=Memory(name="kernel", mem_total=[16 * GiB, 32 * GiB])))  # type: ignore[arg-type]


def test_headings_skip_no_level(page: str) -> None:
    levels = [int(tag[1]) for tag, _ in Page(page).elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after - level <= 1 for level, after in itertools.pairwise(levels))


# ---------------------------------------------------------------------------------------------- hostile text


def hostile_host(text: str) -> Host:
    """A host in which every text of a configuration is `text`."""
    at = File("/" + text, 1, (2, 4), text)
    known = {"private": Setting("private", GiB, at, text, (Setting(text, 1, at, text),))}
    memory = Memory(name="kernel", known={"mem_total": Setting("MemTotal", 16 * GiB, at, text)})
    host = made(
        text, Process(name=text, comm=text, known=known), Process(name="b", private=capacity.UNKNOWN), memory=memory,
        refusals=(Refusal(text, at, text),), never_read=(NeverRead(text, text),), remarks=(Remark(at, text),),
        doubts=(text,),
    )  # fmt: skip
    edit = Edit(text, 1, text, text)
    finding = Finding("CAP999", "none", "error", text, (Mark(at, text),), (text,), 5, edit, after=text)
    more = replace(finding, fix=text, marks=(Mark(at, text, loser=True), Mark(replace(at, line=0), text)))
    object.__setattr__(host, "findings", lambda: (finding, more))
    return host


def _holds_no_more_than(text: str, plain: str) -> None:
    parsed, expected = Page(text), Page(plain)
    assert {tag for tag, _ in parsed.elements} == {tag for tag, _ in expected.elements}
    known = {(tag, name) for tag, attributes in expected.elements for name in attributes}
    assert {(tag, name) for tag, attributes in parsed.elements for name in attributes} <= known
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]", text
    )


def test_hostile_text_stays_text_everywhere() -> None:
    text = report(hostile_host(HOSTILE))
    _holds_no_more_than(text, report(hostile_host("plain")))
    shown = Page(text).text
    assert '<script>alert("1")</script>' in shown
    assert "{{ 7*7 }}" in shown
    assert "\\u202e" in shown
    text.encode("utf-8")


@given(st.text(min_size=1, max_size=40))
@settings(max_examples=8, deadline=None)
def test_any_text_stays_text(text: str) -> None:
    _holds_no_more_than(report(hostile_host(text)), report(hostile_host("plain")))
