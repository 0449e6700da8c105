"""Measures Evener against HAProxy and the kernel used by hand, on this machine, in one run."""
