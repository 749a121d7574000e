"""``python -m autoglm_arena`` is ``arena``."""

import sys

from autoglm_arena.commands import main

if __name__ == "__main__":
    sys.exit(main())
