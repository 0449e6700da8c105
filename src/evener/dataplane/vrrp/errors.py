"""What can go wrong between us and keepalived.

```
VrrpError
  StartFailed             a new process did not come up; its own words
```
"""

from evener.dataplane.base import DataPlaneError


class VrrpError(DataPlaneError):
    """Base; `str()` is the reason, in words an operator can act on."""


class StartFailed(VrrpError):
    """The new process ended, or was not ready in time."""
