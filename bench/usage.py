# SPDX-License-Identifier: GPL-2.0
"""What a script says about its use, from its docstring: 'Usage: ...'."""
import re
import sys


def check(doc, good):
    """End after the help if it is asked for, and with 2 if the arguments are
    not good."""
    if any(word in ("-h", "--help") for word in sys.argv[1:]):
        print(doc.strip())
        sys.exit(0)
    if not good:
        fail(re.search(r"Usage: .*?(?=\n\n)", doc, re.S)[0])


def fail(text):
    """End because the arguments are wrong."""
    print(text, file=sys.stderr)
    sys.exit(2)
