"""How many of each kind a project may have: shown, set and reset. Who may do so is the API's business."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Subquery, case, false, func, select, update

from evener.control.errors import QuotaNotFound
from evener.resources.describe import UNLIMITED, Resource
from evener.resources.errors import InvalidInput, MarkerNotFound, ObjectNotFound
from evener.resources.quota import LIMITED, ProjectQuota, default_limits
from evener.resources.types import MAX_INT, integer, is_storable
from evener.store import quota_counts
from evener.store.database import Database, Transaction, retried
from evener.store.rows import ListQuery
from evener.store.schema import quotas
from evener.store.sorting import SortKey, beyond, order


@dataclass(frozen=True, slots=True)
class Quota:
    """What a project may have of a kind (-1: any number), and what it has."""

    limit: int
    used: int


class Quotas:
    """Implements the operations behind Neutron's quotas; limits are by kind, in the words of the wire."""

    def __init__(self, database: Database, kinds: Iterable[type[Resource]] = LIMITED) -> None:
        self._database = database
        self._kinds = {cls.counted_as(): cls for cls in kinds if cls.LIMIT is not None}

    def of_kinds(self, kinds: Iterable[type[Resource]]) -> "Quotas":
        """Return the same quotas, as far as they are of these kinds."""
        return Quotas(self._database, [cls for cls in kinds if cls.counted_as() in self._kinds])

    def defaults(self) -> dict[str, int]:
        """Return the limits of a project that nobody has set any for."""
        limits = {**default_limits(self._kinds.values()), **self._database.limits}
        return {kind: max(UNLIMITED, limits[kind]) for kind in self._kinds}

    def of_all(self) -> dict[str, dict[str, int]]:
        """Return the limits of every project that somebody has set one for, by the project's id."""
        found: dict[str, dict[str, int]] = defaultdict(self.defaults)
        given = (quotas.c.resource.in_(self._kinds), quotas.c.hard_limit.is_not(None))
        statement = select(quotas).where(*given).order_by(quotas.c.project_id)
        with self._database.read() as tx:
            for row in tx.execute(statement):
                found[row.project_id][row.resource] = row.hard_limit
        return dict(found)

    def list(self, query: ListQuery, project_id: str | None = None) -> Sequence[ProjectQuota]:
        """Return the limits of projects of which anything was counted or set, as `query` asks; or of that one alone.

        Raises:
            NotFound: when the marker is no such project.
        """
        limits = self._of_projects(project_id)
        by = order([*query.sort, ("project_id", True)], {})
        keys = [SortKey(limits.c[name], up != query.reverse) for name, up, _ in by if name in limits.c]
        statement = select(limits).where(*(_among(limits, *each) for each in query.filters.items()))
        with self._database.read() as tx:
            if query.marker is not None:
                place = select(*(key.expression for key in keys)).where(limits.c.project_id == query.marker)
                marker = tx.execute(place).first() if is_storable(query.marker) else None
                if marker is None:
                    raise MarkerNotFound(ProjectQuota.label(), query.marker)
                statement = statement.where(beyond(keys, marker))
            places = (key.placed() for key in keys)
            found = tx.execute(statement.order_by(*places).limit(query.limit)).mappings().all()
        page = found[::-1] if query.reverse else found
        return [ProjectQuota.trusted({"id": each["project_id"], **each}) for each in page]

    def _of_projects(self, project_id: str | None) -> Subquery:
        """Return the table of projects and of their limits of each kind."""
        rows = quotas.c
        limits = (
            func.coalesce(func.max(case((rows.resource == kind, rows.hard_limit))), limit).label(kind)
            for kind, limit in self.defaults().items()
        )
        statement = select(rows.project_id, *limits).where(rows.resource.in_(self._kinds))
        if project_id is not None:
            statement = statement.where(rows.project_id == project_id)
        return statement.group_by(rows.project_id).subquery()

    def of(self, project_id: str) -> dict[str, int]:
        """Return the limits of a project."""
        with self._database.read() as tx:
            return self._of(tx, project_id)

    def usage(self, project_id: str) -> dict[str, Quota]:
        """Return the limits of a project, and what it has."""
        with self._database.read() as tx:
            limits = self._of(tx, project_id)
            return {
                kind: Quota(limit, quota_counts.count(tx, self._kinds[kind], project_id))
                for kind, limit in limits.items()
            }

    @retried
    def update(
        self, project_id: str, limits: Mapping[str, int | None], *, check: bool = False
    ) -> dict[str, int]:
        """Set limits of a project and return all of them; with `check` none may be below what there is.

        None is the default again.

        Raises:
            InvalidInput: for a limit that `check` finds too small.
        """
        with self._database.write() as tx:
            for kind, limit in sorted(limits.items()):
                self._set_one(tx, project_id, kind, limit, check=check)
            return self._of(tx, project_id)

    def _set_one(
        self, tx: Transaction, project_id: str, kind: str, limit: int | None, *, check: bool
    ) -> None:
        mine = (quotas.c.project_id == project_id, quotas.c.resource == kind)
        known = tx.execute(update(quotas).where(*mine).values(hard_limit=limit)).rowcount
        used = quota_counts.count(tx, self._kinds[kind], project_id)
        if check and limit is not None and 0 <= limit < used:
            raise InvalidInput(
                f"Quota limit {limit} for {kind} must be greater than or equal to already used {used}"
            )
        if not known:
            quota_counts.insert(tx, kind, project_id, used=used, hard_limit=limit)

    @retried
    def reset(self, project_id: str, *, counted: bool = False) -> None:
        """Give a project the default limits again.

        Raises:
            NotFound: when it has no others; with `counted`, only when nothing of it was ever counted either.
        """
        mine = [quotas.c.project_id == project_id]
        if not counted:
            mine.append(quotas.c.hard_limit.is_not(None))
        with self._database.write() as tx:
            if not tx.execute(update(quotas).where(*mine).values(hard_limit=None)).rowcount:
                if counted:
                    raise ObjectNotFound("Quotas", project_id)
                raise QuotaNotFound(f"Quota for project {project_id} could not be found.")

    def _of(self, tx: Transaction, project_id: str) -> dict[str, int]:
        statement = select(quotas.c.resource, quotas.c.hard_limit).where(
            quotas.c.project_id == project_id, quotas.c.hard_limit.is_not(None)
        )
        said = {row.resource: row.hard_limit for row in tx.execute(statement)}
        return {kind: said.get(kind, limit) for kind, limit in self.defaults().items()}


def _among(limits: Subquery, name: str, values: Sequence[str]) -> ColumnElement[bool]:
    """Return the condition of a filter; projects have no name."""
    if name not in limits.c:
        return false()
    if name == "project_id":
        return limits.c.project_id.in_([value for value in values if is_storable(value)])
    numbers = [integer(value) for value in values]
    return limits.c[name].in_([number for number in numbers if abs(number) <= MAX_INT])
