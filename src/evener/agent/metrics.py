"""What an agent counts of its own work, for whoever shows it; it knows nothing of HTTP, nor what load balancers are."""

import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager, suppress

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from evener.dataplane.base import Busy

# From a look that finds nothing to do to a host that is in trouble.
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class AgentMetrics:
    """Counters of one agent since it started, in a `registry` of their own that is itself a collector."""

    def __init__(self) -> None:
        # They would say a second time, for each, when the process started.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._applies = Counter(
            "evener_agent_applies",
            "Times a load balancer was compared with its graph and made equal to it",
            registry=self.registry,
        )
        self._failures = Counter("evener_agent_apply_failures", "Applies that failed", registry=self.registry)
        self._repairs = Counter(
            "evener_agent_repairs",
            "Times a load balancer was not as it was left, and was made so again",
            registry=self.registry,
        )
        self._seconds = Histogram(
            "evener_agent_apply_duration_seconds",
            "Seconds an apply took",
            buckets=SECONDS,
            registry=self.registry,
        )
        self._queues = Gauge(
            "evener_agent_queue_length",
            "Keys that wait to be worked on, those to be tried again later included",
            ["queue"],
            registry=self.registry,
        )
        self._neighbours = Gauge(
            "evener_agent_neighbour_entries",
            "Entries of the kernel's neighbour tables, of all namespaces",
            ["table"],
            registry=self.registry,
        )
        self._neighbours_limit = Gauge(
            "evener_agent_neighbour_entries_limit",
            "Entries that the kernel's neighbour tables may have",
            ["table"],
            registry=self.registry,
        )
        self._heard = Gauge(
            "evener_agent_control_heard_seconds",
            "When control last heard a heartbeat, in seconds since 1970; 0 for never since the start",
            registry=self.registry,
        )
        self._ends = Gauge(
            "evener_agent_certificate_not_after_seconds",
            "When the first of the certificates that a load balancer serves ends, in seconds since 1970",
            ["loadbalancer_id"],
            registry=self.registry,
        )
        self._kept = Gauge(
            "evener_agent_unknown_kept",
            "Things on this host that control does not know and that stay until a person says otherwise",
            registry=self.registry,
        )
        self._other_database = Gauge(
            "evener_agent_other_database",
            "1 while control has another database than the one that this host serves, and is not heard",
            registry=self.registry,
        )

    def kept(self, number: int) -> None:
        """Show how much is kept that control does not know."""
        self._kept.set(number)

    def other_database(self, *, other: bool) -> None:
        """Show whether control has another database than the one whose word is taken."""
        self._other_database.set(other)

    def heard(self) -> None:
        """Show that control has heard this agent just now."""
        self._heard.set(time.time())

    def certificates(self, loadbalancer_id: str, ends: Iterable[int]) -> None:
        """Show when the first certificate of a load balancer ends, of those that say so (seconds since 1970)."""
        known = [each for each in ends if each]
        if known:
            self._ends.labels(loadbalancer_id=loadbalancer_id).set(min(known))
        else:
            with suppress(KeyError):
                self._ends.remove(loadbalancer_id)

    def watch_queue(self, name: str, queue: Sized) -> None:
        """Show the length of `queue`, read at each scrape."""
        self._queues.labels(queue=name).set_function(lambda: len(queue))

    def neighbours(self, table: str, entries: int, limit: int) -> None:
        """Show how many entries a neighbour table of the kernel has, and may have."""
        self._neighbours.labels(table=table).set(entries)
        self._neighbours_limit.labels(table=table).set(limit)

    def repaired(self) -> None:
        """Count one repair."""
        self._repairs.inc()

    @contextmanager
    def apply(self) -> Iterator[None]:
        """Count and time the block as one apply; one that ends with an exception has failed."""
        self._applies.inc()
        with self._seconds.time():
            try:
                yield
            except Busy:  # put off, not failed
                raise
            except Exception:
                self._failures.inc()
                raise
