"""Cards: the numbers of the bill in a notebook, and hostile text stays text."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest

import capacity
from capacity.host import Host
from capacity.memory import Memory
from capacity.report.cards import bill_card, host_card
from capacity.services.process import Process
from capacity.settings import NotKnown, Setting
from capacity.shares import of_bills
from capacity.units import GiB, human

HOSTILE = '<script>alert("1")</script><img src=x onerror=y>\x1b[2J\u202e\x00\n$'


class Page(HTMLParser):
    """Collects the tags, attributes and text of a piece of HTML; every element must be closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def host(name: str = "web1", process: str = "java", size: Any = GiB, memory: Memory | None = None) -> Host:
    ram = memory or Memory(name="kernel", mem_total=16 * GiB)
    return Host(name=name, memory=ram, services=(Process(name=process, private=size),))


@pytest.mark.parametrize("name", ["incident-before", "incident-after-first-fix"])
def test_the_cards_of_the_incident_carry_verdict_totals_and_largest_shares(name: str) -> None:
    incident = capacity.read_host(capacity.example(name))
    bill = incident.bill()
    for text in (bill._repr_html_(), incident._repr_html_()):
        page = Page(text)
        assert human(bill.total) in page.text
        assert "over" in page.text
        assert all(human(share.bytes) in page.text for share in of_bills([bill])[0])
        assert len(text) < 8000
    assert "api-gateway can run out of memory" in Page(host_card(incident)).text
    assert "promised" in Page(host_card(incident)).text


def test_hostile_names_stay_text() -> None:
    hostile = host(HOSTILE, HOSTILE)
    for text in (host_card(hostile), bill_card(hostile.bill())):
        page = Page(text)
        assert not {"script", "img"} & set(page.tags)
        assert not any(name.startswith("on") or name in {"src", "href"} for name, _ in page.attributes)
        assert not any(character in text for character in "\x1b\u202e\x00\n")
        assert '<script>alert("1")</script>' in page.text


def test_the_bar_is_the_bill_behind_what_is_kept_back_against_the_ram() -> None:
    bill = host(size=8 * GiB).bill()
    style = [value or "" for name, value in Page(bill_card(bill)).attributes if name == "style" and "width:" in value]
    shares = [float(one.rsplit("width:", 1)[1].rstrip("%")) for one in style if "%" in one]
    kept, java, ram = shares
    assert ram == 100
    assert java == 50
    assert kept == round(100 * bill.budget.kept_back / (16 * GiB), 3)


def test_no_limit_and_no_ram_are_said() -> None:
    assert "no limit" in Page(bill_card(host(size=capacity.UNLIMITED).bill())).text
    memory = Memory(name="kernel", known={"mem_total": Setting("MemTotal", capacity.UNKNOWN, NotKnown("no meminfo"))})
    text = Page(host_card(host(memory=memory))).text
    assert "RAM not known" in text
    assert "cannot be judged" in text


def test_a_claim_that_is_not_known_is_named_and_caps_are_told() -> None:
    text = Page(bill_card(host(size=capacity.UNKNOWN).bill())).text
    assert "not in the sum, because not known: java held" in text
    assert "at least" in text
    capped = capacity.read_host(capacity.example("incident-before")).but({"php8.3-fpm.process.max": 5}).bill()
    assert capped.relief > GiB
    assert f"taken off {human(capped.relief)}" in Page(bill_card(capped)).text


def test_a_bill_of_arrays_is_one_line() -> None:
    cube = host(size=[GiB, 2 * GiB])
    assert Page(bill_card(cube.bill())).text == repr(cube.bill())
    assert Page(host_card(cube)).text == repr(cube)
