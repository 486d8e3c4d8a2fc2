"""`python -m secondthought`, the same as the console script."""

import sys

from secondthought.cli import main

if __name__ == "__main__":
    sys.exit(main())
