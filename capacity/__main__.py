"""`python -m capacity` is the command `capacity`."""

from capacity.cli import main

raise SystemExit(main())
