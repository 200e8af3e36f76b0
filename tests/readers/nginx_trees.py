"""Configurations of nginx in memory, for the tests of its reader."""

from __future__ import annotations

from collections.abc import Iterable

from capacity.readers.nginx import Directive, NginxConfiguration, read_nginx
from capacity.root.base import Entry, Root

MAIN = "/etc/nginx/nginx.conf"


class MemoryRoot(Root):
    """A copied tree in memory: paths and their bytes; None for an empty folder, a str for a link."""

    def __init__(self, files: dict[str, bytes | str | None], live: bool = False) -> None:
        super().__init__("memory")
        self.live = live
        self.nodes: dict[str, bytes | str | None] = {"": None}
        for path, data in files.items():
            self.nodes[path] = data
            while path:
                path = path.rpartition("/")[0]
                self.nodes.setdefault(path, None)

    def _look(self, place: str) -> Entry | None:
        if place not in self.nodes:
            return None
        node = self.nodes[place]
        if node is None:
            return Entry("dir")
        return Entry("link", target=node) if isinstance(node, str) else Entry("file", size=len(node))

    def _list(self, place: str) -> list[str]:
        return [path.rpartition("/")[2] for path in self.nodes if path and path.rpartition("/")[0] == place]

    def _load(self, place: str) -> bytes:
        data = self.nodes[place]
        assert isinstance(data, bytes)
        return data


def read(text: str | bytes, /, directives: str = "", live: bool = False, **files: str | bytes) -> NginxConfiguration:
    """A main file, and others by their name in /etc/nginx (`_` in a keyword stands for the dot)."""
    tree: dict[str, bytes | str | None] = {MAIN: text.encode() if isinstance(text, str) else text}
    for name, data in files.items():
        tree["/etc/nginx/" + name.replace("_", ".")] = data.encode() if isinstance(data, str) else data
    return read_nginx(MemoryRoot(tree, live), directives=directives)


def shape(directives: Iterable[Directive]) -> list[tuple[str, tuple[str, ...]]]:
    return [(each.name, each.words) for each in directives]


def reasons(configuration: NginxConfiguration) -> list[str]:
    return [refusal.reason for refusal in configuration.refusals]
