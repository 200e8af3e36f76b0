"""PHP-FPM: the datasheets of a master and its pools; their formulas stand in `claims`."""

from capacity.services.php_fpm.claims import PhpFpm, PhpFpmPool
from capacity.services.php_fpm.versions import hard_limit_percent

__all__ = ["PhpFpm", "PhpFpmPool", "hard_limit_percent"]
