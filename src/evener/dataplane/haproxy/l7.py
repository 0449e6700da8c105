"""From L7 policies to the lines of a frontend. Pure; every word a user typed goes through `quoting`.

HAProxy evaluates all `http-request` rules before any `use_backend`, so every policy decides in the first pass:
what rejects or redirects ends it there, what chooses a pool is noted in a variable and followed afterwards.
HAProxy 2.6 configuration manual, sections 4.2 ("http-request", "use_backend"), 7.1 ("ACL basics") and 7.3.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from evener.dataplane.haproxy.errors import unknown
from evener.dataplane.haproxy.quoting import argument, line, literal
from evener.resources.graph import PolicyNode
from evener.resources.l7policy import L7Policy
from evener.resources.l7rule import L7Rule
from evener.resources.types import L7Action, L7CompareType, L7RuleType

_POOL = "txn.l7_pool"  # the pool that a policy has chosen
_DECIDED = "decided"
_HOST, _HOST_WITH_PORT = "txn.l7_host", "txn.l7_host_port"
# A path as it came, and as a member may read it, where that is another one; what follows its last dot in each.
_PLAIN_PATH = "txn.l7_path"
_PATHS = {"path": "txn.l7_extension", f"var({_PLAIN_PATH})": "txn.l7_plain_extension"}
_DOTTED = "_dotted"  # an extension with its dot
_SO_FAR = "txn.l7_so_far"
_PORT = re.compile(r":[0-9]*$")
_MOST_CONDITIONS = 40  # a line holds 64 words


def rules(
    policies: Iterable[PolicyNode], usable_pools: Collection[str], *, default_port: int
) -> Iterator[str]:
    """Return the `http-request` lines of a frontend that decide by `policies`, whichever order they come in.

    A policy without a rule in service applies to nothing. One that leads to a pool out of service answers 503.
    """
    active = _active(policies)
    yield from _variables([rule for _, rules in active for rule in rules], default_port)
    undecided = True
    for policy, its_rules in active:
        for rule in its_rules:
            yield from _acls(rule)
        yield from _decision(policy, its_rules, usable_pools, undecided=undecided)
        if undecided and _chooses(policy, usable_pools):
            yield line("acl", _DECIDED, f"var({_POOL})", "-m", "found")
            undecided = False


def choices(policies: Iterable[PolicyNode], backends: Mapping[str, str]) -> Iterator[str]:
    """Return the `use_backend` lines that follow what `rules` decided, to the `backends` of pools.

    They stand below the others.
    """
    for pool_id in chosen(policies):
        if pool_id in backends:
            yield line(
                "use_backend", backends[pool_id], "if", "{", f"var({_POOL})", "-m", "str", pool_id, "}"
            )


def chosen(policies: Iterable[PolicyNode]) -> tuple[str, ...]:
    """Return the pools that policies may choose, by their ids, each once."""
    found = (p.redirect_pool_id for p, _ in _active(policies) if p.action is L7Action.REDIRECT_TO_POOL)
    return tuple(dict.fromkeys(str(each) for each in found))


def _active(policies: Iterable[PolicyNode]) -> list[tuple[L7Policy, list[L7Rule]]]:
    """Return the policies that may apply to something, in the order in which they are tried."""
    found = []
    for node in sorted(policies, key=lambda each: (each.policy.position, each.policy.id)):
        in_service = sorted((rule for rule in node.rules if rule.admin_state_up), key=lambda rule: rule.id)
        if node.policy.admin_state_up and in_service:
            found.append((node.policy, in_service))
    return found


def _chooses(policy: L7Policy, usable_pools: Collection[str]) -> bool:
    return policy.action is L7Action.REDIRECT_TO_POOL and policy.redirect_pool_id in usable_pools


def _variables(rules: Collection[L7Rule], default_port: int) -> Iterator[str]:
    """Work out once what rules look at and no fetch method gives."""
    types = {rule.type for rule in rules}
    if L7RuleType.HOST_NAME in types:
        port = argument(":[0-9]*$")
        yield line("http-request", f"set-var({_HOST})", f'req.fhdr(host),regsub({port},"")')
        has_one = ("{", "req.fhdr(host)", "-m", "reg", "--", ":[0-9]+$", "}")
        full = f"req.fhdr(host),concat({argument(f':{default_port}')})"
        yield line("http-request", f"set-var({_HOST_WITH_PORT})", "req.fhdr(host)")
        yield line("http-request", f"set-var({_HOST_WITH_PORT})", full, "unless", *has_one)
    if types & {L7RuleType.PATH, L7RuleType.FILE_TYPE}:
        # `normalize-uri` would do it, but is experimental in 2.6 and 3.0, and changes what members get.
        plain = f"path,url_dec,regsub({argument('//+')},{argument('/')},g)"
        yield line(
            "http-request", f"set-var({_PLAIN_PATH})", plain, "if", "{", "path", "-m", "sub", "%", "//", "}"
        )
    if L7RuleType.FILE_TYPE in types:
        dot = argument(".")
        for fetch, extension in _PATHS.items():
            has_one = ("{", fetch, "-m", "reg", "--", r"\.[^./]+$", "}")
            yield line("http-request", f"set-var({extension})", f"{fetch},word(-1,{dot})", "if", *has_one)
            with_dot = f"str({dot}),concat(,{extension})"
            yield line("http-request", f"set-var({extension}{_DOTTED})", with_dot, "if", *has_one)


def _method(compare_type: L7CompareType) -> str:
    match compare_type:
        case L7CompareType.EQUAL_TO:
            return "str"
        case L7CompareType.STARTS_WITH:
            return "beg"
        case L7CompareType.ENDS_WITH:
            return "end"
        case L7CompareType.CONTAINS:
            return "sub"
        case L7CompareType.REGEX:
            return "reg"
        case _:
            raise unknown("comparison of an L7 rule", compare_type)


def _acls(rule: L7Rule) -> Iterator[str]:
    """Return the lines of the condition with the rule's id, of which one must hold."""
    method, value = _method(rule.compare_type), rule.value
    key = argument(rule.key or "")
    ignore_case: tuple[str, ...] = ()
    fetches: tuple[str, ...]
    match rule.type:
        case L7RuleType.HOST_NAME:
            names_port = rule.compare_type is not L7CompareType.REGEX and _PORT.search(value)
            fetches, ignore_case = (f"var({_HOST_WITH_PORT if names_port else _HOST})",), ("-i",)
        case L7RuleType.PATH:
            fetches = tuple(_PATHS)
        case L7RuleType.FILE_TYPE if rule.compare_type is L7CompareType.EQUAL_TO:
            # So that `tar.gz` is the type of a file as well as `gz`.
            fetches, method, value = tuple(_PATHS), "end", f".{value.removeprefix('.')}"
        case L7RuleType.FILE_TYPE:
            dotted = _DOTTED if value.removeprefix("^").startswith(r"\.") else ""
            fetches = tuple(f"var({extension}{dotted})" for extension in _PATHS.values())
        case L7RuleType.HEADER:
            fetches = (f"req.fhdr({key})",)  # the whole value, commas and all
        case L7RuleType.COOKIE:
            fetches = (f"req.cook({key})",)
        case L7RuleType.SSL_CONN_HAS_CERT | L7RuleType.SSL_VERIFY_RESULT | L7RuleType.SSL_DN_FIELD:
            yield _about_certificate(rule, method)
            return
        case _:
            raise unknown("type of an L7 rule", rule.type)
    for fetch in fetches:
        yield line("acl", rule.id, fetch, *ignore_case, "-m", method, "--", value)


def _about_certificate(rule: L7Rule, method: str) -> str:
    """Return the line of a rule that looks at the client's certificate (section 7.3.4)."""
    if rule.type is L7RuleType.SSL_CONN_HAS_CERT:
        return line("acl", rule.id, "ssl_c_used", "-m", "bool")
    if rule.type is L7RuleType.SSL_VERIFY_RESULT:
        return line("acl", rule.id, "ssl_c_verify", "-m", "int", "--", rule.value)
    return line("acl", rule.id, f"ssl_c_s_dn({argument(rule.key or '')})", "-m", method, "--", rule.value)


def _decision(
    policy: L7Policy, rules: list[L7Rule], usable_pools: Collection[str], *, undecided: bool
) -> Iterator[str]:
    conditions = [
        *([] if undecided else [f"!{_DECIDED}"]),
        *(("!" * rule.invert) + rule.id for rule in rules),
    ]
    # What does not fit on one line is noted as true so far, and taken up by the next.
    number = 0
    while len(conditions) > _MOST_CONDITIONS:
        number += 1
        held = f"{policy.id}-{number}"
        first, rest = conditions[:_MOST_CONDITIONS], conditions[_MOST_CONDITIONS:]
        yield line("http-request", f"set-var({_SO_FAR})", f"str({argument(held)})", "if", *first)
        conditions = ["{", f"var({_SO_FAR})", "-m", "str", held, "}", *rest]
    action: tuple[str, ...]
    match policy.action:
        case L7Action.REDIRECT_TO_POOL if _chooses(policy, usable_pools):
            action = (f"set-var({_POOL})", f"str({argument(str(policy.redirect_pool_id))})")
        case L7Action.REDIRECT_TO_POOL:
            action = ("deny", "status", "503")
        case L7Action.REDIRECT_TO_URL:
            action = ("redirect", "location", literal(str(policy.redirect_url)), "code", str(policy.code))
        case L7Action.REDIRECT_PREFIX:
            # A request's own path, which begins with one, and its query follow.
            prefix = str(policy.redirect_prefix).removesuffix("/")
            action = ("redirect", "prefix", literal(prefix), "code", str(policy.code))
        case L7Action.REJECT:
            action = ("deny", "status", "403")
        case _:
            raise unknown("action of an L7 policy", policy.action)
    yield line("http-request", *action, "if", *conditions)
