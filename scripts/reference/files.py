"""Manual pages of the files that people write besides the settings: rules, and load balancers as files."""

from collections.abc import Iterator

from scripts import describe
from scripts.reference.markup import MADE, code, definitions, plain, section, sentence

from evener.api import octavia, policy
from evener.api.dialects.octavia import FORM, OCTAVIA
from evener.api.networking import LOAD_BALANCING
from evener.cli.whole import BELOW, SETTABLE, UNWRITTEN
from evener.resources.describe import Resource
from evener.resources.wire import on_wire
from evener_cloud.network.http.networking import NETWORKING

KINDS: dict[str, type[Resource]] = {cls.KIND: cls for cls in describe.KINDS if cls.KIND in SETTABLE}
# What a description need not say of each kind.
OF_ALL = {
    "name": "what people call it",
    "description": "words for people",
    "admin_state_up": "false takes it out of use",
    "project_id": "id of the project that is to own it, where it is not your own",
    "tags": "words to find it by",
    "vip_network_id": "the network the VIP is on, in place of a subnet",
    "vip_port_id": "a port that is there already, for the VIP",
}
INSIDE = dict.fromkeys(("default_pool", "redirect_pool"), "The pool of that name: `{name: NAME}`.")
RULES_HEAD = """Who may do what, by oslo.policy's rules, where a site wants it otherwise than below. A file
`policy.yaml` beside `evener.conf`, or `[oslo_policy] policy_file`, holds what is to be different; a change of it holds
within five seconds. What each role gets by the rules below is in the tables of [policy.md](../policy.md).

```yaml
# Only administrators delete load balancers.
delete_loadbalancer: "role:admin"
```
"""
FILE_HEAD = """What `evener apply` reads and `evener export` prints: YAML, or JSON, of the form that Octavia's API takes
in one request. A file may have several documents. Objects stand inside of each other; a pool that is used elsewhere
stands there by its name, and subnets may be named. What a file does not say stays as it is.

```yaml
loadbalancer:
  name: web
  vip_subnet_id: PROJECT_SUBNET
  listeners:
    - name: http
      protocol: HTTP
      protocol_port: 80
      default_pool: {name: servers}
  pools:
    - name: servers
      protocol: HTTP
      lb_algorithm: ROUND_ROBIN
      healthmonitor: {type: HTTP, delay: 5, timeout: 4, max_retries: 3}
      members:
        - {address: 192.168.200.9, protocol_port: 80}
        - {address: 192.168.200.7, protocol_port: 80, weight: 2}
```
"""


def documents() -> dict[str, str]:
    """Return the pages by their paths."""
    return {
        "docs/man/evener-policy.yaml.5.md": _page(
            "evener-policy.yaml(5): who may do what",
            section("Description", RULES_HEAD)
            + section(
                "Rules of LBaaS v2", _rules(policy.defaults(LOAD_BALANCING.kinds, LOAD_BALANCING.rules))
            )
            + section("Rules of the embedded network", _rules(_of_the_small_cloud()))
            + section("Rules of Octavia", _rules(policy.defaults(octavia.KINDS, octavia.RULES, OCTAVIA)))
            + section("See also", "[evener.conf(5)](../configuration.md)"),
        ),
        "docs/man/evener-loadbalancer.yaml.5.md": _page(
            "evener-loadbalancer.yaml(5): a load balancer as a file",
            section("Description", FILE_HEAD)
            + "".join(section(kind, _attributes(kind, cls)) for kind, cls in KINDS.items())
            + section(
                "See also", "[evener-apply(1)](evener-apply.1.md),\n[evener-export(1)](evener-export.1.md)"
            ),
        ),
    }


def _page(head: str, text: str) -> str:
    return f"# {head}\n\n{text.rstrip()}\n\n{MADE}"


def _of_the_small_cloud() -> list[policy.policy.RuleDefault]:
    known = {each.name for each in policy.defaults(LOAD_BALANCING.kinds, LOAD_BALANCING.rules)}
    return [each for each in policy.defaults(NETWORKING.kinds, NETWORKING.rules) if each.name not in known]


def _rules(rules: list[policy.policy.RuleDefault]) -> str:
    return "```yaml\n" + "\n".join(f'{rule.name}: "{rule.check_str}"' for rule in rules) + "\n```\n"


def _attributes(kind: str, cls: type[Resource]) -> str:
    return (
        definitions(_told(kind, cls))
        + "\n"
        + definitions(
            (code(name), INSIDE.get(name, "What is inside of it, as below."))
            for name in sorted(BELOW.get(kind, ()))
        )
    )


def _told(kind: str, cls: type[Resource]) -> Iterator[tuple[str, str]]:
    said, shown = dict(describe._docstrings(cls)), on_wire(cls, FORM)
    helps = {shown[name]: text for name, text in said.items() if name in shown}
    for name in SETTABLE[kind]["create"]:
        if name in UNWRITTEN:
            continue
        once = "" if name in SETTABLE[kind]["update"] else " *It never changes.*"
        yield code(name), f"{sentence(plain(helps.get(name) or OF_ALL.get(name, '')))}{once}".strip()
