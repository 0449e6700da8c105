"""What keeps an agent from starting, in words an operator can act on.

```
AgentError
  NoTransport             nobody says where control is
  NotAlone                another agent serves this host's name
```
"""


class AgentError(Exception):
    """Base of all errors of this room."""


class NoTransport(AgentError):
    """`transport_url` is empty, or leads nowhere."""


class NotAlone(AgentError):
    """Control knows another agent, which is alive, by this host's name."""
