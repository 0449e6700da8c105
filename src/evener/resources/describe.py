"""How an attribute of a resource is described: its type, default, who may set it when, and who shows it.

A resource is a frozen pydantic model whose fields carry one of the descriptors below in `Annotated`. Input
validation, output, database columns, the client's options and documentation are derived from that and written nowhere
else. The string below an attribute says what it is for.
"""

from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Self, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from evener.resources.types import Moment, OperatingStatus, ProvisioningStatus, Uuid


@dataclass(frozen=True, slots=True)
class Attr:
    """An attribute with a column of its own.

    `create`/`update` say whether a user may set it in a POST/PUT; `admin` that only an administrator may.
    `references` names the table whose id it holds. `visible` attributes are shown, and can be filtered by. One that is
    not `stored` is only a wish that goes with a POST. One that is `computed` is chosen by the service where the
    user gives none, and then absent from what `wire.parse_create` returns. `wire` is its name on the wire where
    that is no Python name; `shown_as` the property that is shown in its place, and `or_else` what that is where the
    column holds nothing: another attribute, or a number; `within` the derived list by which one that is not stored is
    filtered. What is `filtered` is left to control to filter by, and to sort by where it is one value. What is
    `private` is shown to administrators only, and nobody else filters or sorts by it.
    """

    create: bool = False
    update: bool = False
    admin: bool = False
    visible: bool = True
    nullable: bool = False
    stored: bool = True
    references: str | None = None
    computed: bool = False
    wire: str | None = None
    shown_as: str | None = None
    or_else: str | int | None = None
    filtered: bool = False
    private: bool = False
    within: str | None = None


@dataclass(frozen=True, slots=True)
class Children:
    """A derived list of the objects of `table` whose column `via` holds this object's id."""

    table: str
    via: str
    plain: bool = False  # ids as strings, not as {"id": …}


@dataclass(frozen=True, slots=True)
class Child:
    """The id of the one object of `table` whose column `via` holds this object's id, or None."""

    table: str
    via: str


@dataclass(frozen=True, slots=True)
class Parent:
    """A derived list of at most one object, whose id stands in this object's own attribute `attr`."""

    attr: str


@dataclass(frozen=True, slots=True)
class Derived:
    """A value that control works out when the object is shown: a status, a provider."""

    when_set: bool = False  # shown only where it has a value
    filtered: bool = False  # control can filter and sort by it


@dataclass(frozen=True, slots=True)
class Kept:
    """A moment that the store writes down by itself, in a column, as objects come and change."""


@dataclass(frozen=True, slots=True)
class Sometimes:
    """Attributes that mean something only for objects whose attribute `by` has one of `values`."""

    names: frozenset[str] = frozenset()
    by: str = ""
    values: frozenset[str] = frozenset()


UNLIMITED = -1  # a limit that is none
Descriptor = Attr | Children | Child | Parent | Derived | Kept

# Who may do what, in the words of the attribute maps: made once, set later, or shown only.
ONCE = Attr(create=True)
CHANGEABLE = Attr(create=True, update=True)
SHOWN = Attr()
HIDDEN = Attr(visible=False)
# None as long as nobody is shown the object; no part of what agents are told.
KeptMoment = Annotated[Moment | None, Field(exclude=True), Kept()]
# How far an object is, and how well: not every API shows it of every kind.
Provisioning = Annotated[ProvisioningStatus | None, Derived(filtered=True)]
Operating = Annotated[OperatingStatus | None, Derived(filtered=True)]


class Resource(BaseModel):
    """Base of all resources: an immutable object with an id and a project."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    KIND: ClassVar[str]  # on the wire, singular: "loadbalancer"
    PLURAL: ClassVar[str]  # the collection
    TABLE: ClassVar[str] = ""  # PLURAL where empty
    PATH: ClassVar[str] = ""  # the collection in addresses; PLURAL where empty
    LABEL: ClassVar[str] = ""  # in messages; KIND where empty
    PARENT: ClassVar[str | None] = None  # the attribute that holds the id in the URL's path: "pool_id"
    FOR_ADMINISTRATORS: ClassVar[bool] = False  # nobody else makes, changes or deletes one
    LIMIT: ClassVar[int | None] = None  # so many a project may have, unless told otherwise; None: not counted
    QUOTA: ClassVar[str] = ""  # what that limit is called; KIND where empty
    SOMETIMES: ClassVar[Sometimes] = Sometimes()
    NEWEST_FIRST: ClassVar[bool] = False  # in lists whose order nobody says

    @classmethod
    def check(cls, values: dict[str, Any]) -> None:
        """Check the rules that tie attributes of one object together; `values` are all of its attributes.

        Raises:
            InvalidInput: naming the attribute and what is allowed.
        """

    id: Annotated[Uuid, SHOWN]

    def meaningless(self) -> frozenset[str]:
        """Return the attributes that mean nothing for this object: they are shown as null, whatever is stored."""
        names = self.SOMETIMES.names
        return (
            frozenset() if not names or getattr(self, self.SOMETIMES.by) in self.SOMETIMES.values else names
        )

    @classmethod
    def trusted(cls, values: dict[str, Any]) -> Self:
        """Return the object with `values`: every one of its attributes, valid, in its own type. Nothing is checked.

        What pydantic's `model_construct` does, without its search for what is missing, which takes most of the time.
        """
        made = cls.__new__(cls)
        object.__setattr__(made, "__dict__", values)
        object.__setattr__(made, "__pydantic_fields_set__", _attributes(cls))
        object.__setattr__(made, "__pydantic_extra__", None)
        object.__setattr__(made, "__pydantic_private__", None)
        return made

    @classmethod
    def table(cls) -> str:
        """Return the name of the table."""
        return cls.TABLE or cls.PLURAL

    @classmethod
    def counted_as(cls) -> str:
        """Return what the limit of this kind is called."""
        return cls.QUOTA or cls.KIND

    @classmethod
    def path(cls) -> str:
        """Return the name of the collection in addresses."""
        return cls.PATH or cls.PLURAL

    @classmethod
    def label(cls) -> str:
        """Return what messages call this kind."""
        return cls.LABEL or cls.KIND


@cache
def _attributes(cls: type[Resource]) -> set[str]:
    """Return the names of all attributes; the same set for all, which nobody changes, as they are immutable."""
    return set(cls.model_fields)


@cache
def descriptors(cls: type[Resource]) -> dict[str, tuple[FieldInfo, Descriptor]]:
    """Return each attribute's pydantic field and descriptor, in the order of declaration."""
    found = {}
    for name, field in cls.model_fields.items():
        marks = [m for m in field.metadata if isinstance(m, Descriptor)]
        if len(marks) != 1:
            raise TypeError(f"{cls.__name__}.{name} needs exactly one descriptor, has {len(marks)}")
        found[name] = (field, marks[0])
    return found


@cache
def wire_names(cls: type[Resource]) -> dict[str, str]:
    """Return the name on the wire of each attribute."""
    return {
        name: (mark.wire if isinstance(mark, Attr) else None) or name
        for name, (_, mark) in descriptors(cls).items()
    }


def value_type(field: FieldInfo) -> type | None:
    """Return the type of an attribute's values besides None, or None where that is no plain class (a tuple of …)."""
    kind: Any = field.annotation
    if get_origin(kind) in (UnionType, Union):
        kinds = [each for each in get_args(kind) if each is not NoneType]
        kind = kinds[0] if len(kinds) == 1 else None
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    return kind if isinstance(kind, type) and get_origin(kind) is None else None


@cache
def columns(cls: type[Resource]) -> dict[str, tuple[FieldInfo, Attr]]:
    """Return the attributes that have a column of their own."""
    return {n: (f, d) for n, (f, d) in descriptors(cls).items() if isinstance(d, Attr) and d.stored}
