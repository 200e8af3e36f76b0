"""What web servers tell a pool: nginx's PHP_VALUE and PHP_ADMIN_VALUE, and .user.ini files of the roots it names.

A value that a location sends stays in the child for the requests that follow (docs/services/php-fpm.md), so it belongs
to the pool and not to the location alone. A location whose address cannot be known may speak to any pool.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from capacity.errors import NotReadable
from capacity.readers.nginx import NginxConfiguration, read_nginx
from capacity.readers.nginx_command import nginx_options
from capacity.readers.nginx_php import Param, PhpLocation, php_locations
from capacity.readers.php_layers import PhpAssignment, PhpLayers, read_user_ini
from capacity.readers.php_limits import FastCgi, fastcgi_assignments
from capacity.settings import Remark

if TYPE_CHECKING:
    from capacity.readers.php_fpm import PoolText
    from capacity.services.site import Site

MAIN: Final = "/etc/nginx/nginx.conf"
PREFIX: Final = "/usr/share/nginx"  # compiled into Debian's program
FOLDERS: Final = 200  # of a document root looked into for a .user.ini of their own


def locations(site: Site) -> tuple[PhpLocation, ...]:
    """Every location of the host's nginx that speaks FastCGI; what nginx would refuse becomes a remark."""
    configuration = _configuration(site)
    if configuration is None:
        return ()
    for refusal in configuration.refusals:
        lost = " (probably lost in the copy)" if refusal.lost else ""
        site.remarks.append(Remark(refusal.at, f"nginx refuses this{lost}: {refusal.reason}"))
    site.remarks += [one for one in configuration.remarks if not one.message.startswith("nothing matches")]
    return tuple(php_locations(configuration))


def _configuration(site: Site) -> NginxConfiguration | None:
    unit = site.units.get("nginx.service")
    commands = unit.commands() if unit is not None else ()
    options = nginx_options(commands[0].words[1:] if commands else ())
    main = options.main or MAIN
    if site.root.kind(main if main.startswith("/") else f"{PREFIX}/{main}") != "file":
        return None
    return read_nginx(site.root, main, options.prefix or PREFIX, directives=options.directives or "")


def of_pool(site: Site, found: tuple[PhpLocation, ...], pool: PoolText) -> tuple[PhpLocation, ...]:
    """The locations that speak to a pool, or may."""
    listen = _address(site, pool.text("listen") or "")
    return tuple(
        one for one in found
        if any(not address.known or _address(site, address.text) == listen for address in one.addresses)
    )  # fmt: skip


def _address(site: Site, text: str) -> str:
    """An address in one spelling: a socket's path with the links on its way followed, or host and port."""
    path = text.removeprefix("unix:")
    if path.startswith("/"):
        folder, _, name = path.rpartition("/")
        try:
            folder = site.root.resolve(folder or "/")
        except NotReadable:
            folder = "/run" + folder.removeprefix("/var/run") if folder.startswith("/var/run") else folder
        return f"{folder.rstrip('/')}/{name}"
    host, _, port = path.rpartition(":")
    return f"{'127.0.0.1' if host in {'', 'localhost', '*', '0.0.0.0', '[::1]', '[::]'} else host}:{port}"


def sent(found: tuple[PhpLocation, ...]) -> Iterator[FastCgi]:
    """What each location sends that changes PHP's settings."""
    for one in found:
        values = tuple(_assignments(one.param("PHP_VALUE"), admin=False))
        admin = tuple(_assignments(one.param("PHP_ADMIN_VALUE"), admin=True))
        if values or admin:
            yield FastCgi(f"via nginx location {one.name}", values, admin)


def _assignments(param: Param | None, *, admin: bool) -> Iterator[PhpAssignment]:
    if param is None:
        return
    for assignment in fastcgi_assignments(param.value.text, param.value.at, admin=admin):
        known = param.value.known or "$" not in (assignment.value or "")
        asked = () if known else tuple(f"${name}" for name in param.value.variables)
        yield replace(assignment, unknown=assignment.unknown or not known, asked=asked or assignment.asked)


def user_inis(site: Site, found: tuple[PhpLocation, ...], layers: PhpLayers) -> dict[str, tuple[PhpAssignment, ...]]:
    """The lines of .user.ini files by directory: of the document roots and the folders right below them."""
    named = layers.winning("user_ini.filename")
    name = ".user.ini" if named is None else (named.value or "")
    lines: dict[str, tuple[PhpAssignment, ...]] = {}
    for folder in _folders(site, found) if name else ():
        values, remarks = read_user_ini(site.root, folder, layers.variables, name)
        site.remarks += remarks
        if values:
            lines[folder] = tuple(line for history in values.values() for line in history[-1:])
    return lines


def _folders(site: Site, found: tuple[PhpLocation, ...]) -> Iterator[str]:
    roots = dict.fromkeys(one.root.text for one in found if one.root is not None and one.root.known)
    for root in roots:
        if site.root.kind(root) != "dir":
            continue
        yield root
        try:
            names = site.root.names(root)
        except NotReadable as error:
            site.remarks.append(Remark(found[0].to.at, f"document root {error}"))
            continue
        for name in names[:FOLDERS]:
            if site.root.kind(f"{root}/{name}/.user.ini") == "file":
                yield f"{root}/{name}"
