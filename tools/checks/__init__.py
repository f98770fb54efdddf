"""The checks. What they import needs this version of Python."""

import sys

if sys.version_info < (3, 11):
    sys.exit("Python 3.11 or later is missing: install it (on Debian: apt-get install python3)")
