"""What keeps a service from starting, in words an operator can act on.

```
StartError
  CannotListen            an address or port is not to be had
  BadCertificate          what `[api] certificate` and `key` name does not serve
  BadProxy                what `[api] proxy_addresses` names is no address
  FrontFailed             HAProxy does not take its configuration
  NoTransport             there is no way to other processes
  NoSuchService           a service of the cloud is none that is installed
  DatabaseBehind          the database does not answer, or lacks tables
```
"""


class StartError(Exception):
    """Base of all errors of this room."""


class CannotListen(StartError):
    """Another process has the port, or this machine has no such address."""


class BadCertificate(StartError):
    """There is no such file, or no certificate with its key in it."""


class FrontFailed(StartError):
    """HAProxy says what it does not like."""


class NoTransport(StartError):
    """Settings name no RabbitMQ."""


class NoSuchService(StartError):
    """Settings name a service that nothing installed is."""


class DatabaseBehind(StartError):
    """The database cannot be used as it is."""


class BadProxy(StartError):
    """What is said to be the address of a proxy is no address."""
