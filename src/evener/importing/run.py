"""One import, from what a source holds to what is said of it."""

from collections.abc import Collection, Iterator

from sqlalchemy.exc import SQLAlchemyError

from evener.control.takeover import Foreign, Takeover
from evener.importing.found import Found, Source, Trouble, foreign
from evener.importing.report import Told
from evener.resources.errors import EvenerError
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.provider import ALIASES, DEFAULT_PROVIDERS
from evener.store.database import reason

USUAL = frozenset({*(each.name for each in DEFAULT_PROVIDERS), *ALIASES})  # who served by HAProxy there, too


def run(source: Source, takeover: Takeover, providers: Collection[str]) -> Iterator[Told]:
    """Take over one load balancer of `source` after the other, and yield what became of it.

    Those of other than the `USUAL` providers and of these do not come.
    """
    wanted = USUAL | {each.lower() for each in providers}
    for found in source.balancers:
        yield _take(source, takeover, wanted, found)


def _take(source: Source, takeover: Takeover, providers: Collection[str], found: Found) -> Told:
    if found.provider and found.provider.lower() not in providers:
        why = f"it is of provider {found.provider}; with --provider {found.provider} it is served by HAProxy here"
        return _not_come(found, Trouble(LoadBalancer.KIND, found.id, why))
    read = foreign(source, found)
    if not isinstance(read, Foreign):
        return _not_come(found, *read)
    try:
        taken = takeover.take(read)
    except EvenerError as error:
        return _not_come(found, Trouble(LoadBalancer.KIND, found.id, error.message))
    except SQLAlchemyError as error:  # an object of the same id is there, of another load balancer
        why = f"the database refuses it: {reason(error)}"
        return _not_come(found, Trouble(LoadBalancer.KIND, found.id, why))
    if taken.unfinished is None:
        return Told(found, taken.outcome, taken.host)
    why = f"its port {read.vip_port_id} is not taken over yet; import again: {taken.unfinished}"
    return Told(found, taken.outcome, taken.host, [Trouble(LoadBalancer.KIND, found.id, why)])


def _not_come(found: Found, *troubles: Trouble) -> Told:
    return Told(found, None, troubles=troubles)
