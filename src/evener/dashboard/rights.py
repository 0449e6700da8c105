"""What the dashboard may do on its host once it serves: nothing but speak with the API's socket.

For a process that root has started; one that a service manager starts has no more rights anyway.
"""

import ctypes
import encodings.idna  # noqa: F401 - what is loaded late is out of reach then
import logging
import os
import signal

import falcon.media.multipart  # noqa: F401

NOBODY = 65534
PR_SET_PDEATHSIG = 1  # prctl(2): forgotten when a process changes its user


def leave(group: int) -> None:
    """Keep the rights of nobody and of `group`, and end with the process that has started this one."""
    os.setgroups([])
    os.setresgid(group, group, group)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    for handler in logging.getLogger().handlers:
        if hasattr(handler, "maxBytes"):
            handler.maxBytes = 0  # who may not rename a file goes on in it
