"""MariaDB: what a server can take from the machine (`MariaDb`)."""

from capacity.services.mariadb.claims import MariaDb

__all__ = ["MariaDb"]
