"""Measures Evener against HAProxy and the kernel used by hand, on this machine, in one run.

What tests make of hosts, namespaces and brokers is used here as well.
"""

import sys
from pathlib import Path

_TESTS = Path(__file__).parents[1] / "tests"
sys.path += [str(_TESTS), str(_TESTS / "e2e")]
