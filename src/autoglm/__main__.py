"""``python -m autoglm`` is ``autoglm``."""

import sys

from autoglm.commands import main

if __name__ == "__main__":
    sys.exit(main())
