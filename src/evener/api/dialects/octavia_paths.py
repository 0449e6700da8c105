"""The addresses of Octavia's API: each thing has eight, of which routes know one. Pure."""

PREFIX = "/load-balancer"
V2 = f"{PREFIX}/v2"
LBAAS = f"{V2}/lbaas"
# What stands at a version itself, and not below `lbaas`.
BESIDE = ("octavia", "openapi.json")


def canonical(path: str) -> str:
    """Return the address that routes know, of one that clients write.

    `/v2.0` is `/v2`; what is there with `/lbaas` is there without; a slash at the end, and `.json` after a collection,
    mean nothing.
    """
    if path != PREFIX and not path.startswith(f"{PREFIX}/"):
        return path
    parts = path.removeprefix(PREFIX).strip("/").split("/")
    if parts == [""]:
        return PREFIX
    if parts[0] not in ("v2", "v2.0"):
        return path
    below = parts[1:]
    if below[:1] == ["lbaas"]:
        below = below[1:]
    if not below:
        return V2
    if below[0] in BESIDE:
        return "/".join([V2, *below])
    return "/".join([LBAAS, *below]).removesuffix(".json")
