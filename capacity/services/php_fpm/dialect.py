"""How a setting of PHP, FPM or an extension is declared as a field of the datasheets."""

from __future__ import annotations

from typing import Any, Final

from capacity.settings import setting

FPM: Final = "php.net, FPM configuration"
INI: Final = "main/main.c"
OPCACHE: Final = "ext/opcache/zend_accelerator_module.c"
APCU: Final = "APCu, php_apc.c"


def size(name: str, default: Any, doc: str, source: str, minimum: int = 0, step: int = 1) -> Any:
    """A setting in bytes."""
    return setting(name, default=default, doc=doc, source=source, minimum=minimum, step=step)


def count(name: str, default: Any, doc: str, source: str, minimum: int = 0) -> Any:
    """A setting that counts something."""
    return setting(name, default=default, doc=doc, source=source, minimum=minimum, size=False)


def flag(name: str, default: Any, doc: str, source: str, *, monotone: bool = True) -> Any:
    """A setting that is 1 or 0."""
    return setting(name, default=default, doc=doc, source=source, minimum=0, maximum=1, size=False, monotone=monotone)


def word(name: str, default: Any, doc: str, source: str) -> Any:
    """A setting that chooses by a word, or names something."""
    return setting(name, default=default, doc=doc, source=source, size=False)
