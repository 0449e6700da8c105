"""Just enough of DER (ITU-T X.690) to see how large a key's numbers are. Computes nothing with what it finds."""

from collections.abc import Iterator

INTEGER, OCTET_STRING, SEQUENCE = 0x02, 0x04, 0x30
_CONSTRUCTED = 0x20
_DEEPEST = 8  # a key in PKCS8 has four levels


def is_encrypted_key(data: bytes) -> bool:
    """Return whether `data` is a key that is encrypted (RFC 5958): first says how, where others have their version."""
    if data[:1] != bytes([SEQUENCE]) or len(data) < 2:
        return False
    start, _ = _extent(data, 0)
    return data[start : start + 1] == bytes([SEQUENCE])


def largest_integer_bits(data: bytes) -> int:
    """Return the bits of the largest whole number in `data`, by its length; a sign's byte does not count."""
    lengths = (len(content.lstrip(b"\x00")) for tag, content in _values(data) if tag == INTEGER)
    return 8 * max(lengths, default=0)


def _values(data: bytes, depth: int = 0) -> Iterator[tuple[int, bytes]]:
    """Yield the tag and content of each value that holds no others; what is no DER ends what is found.

    What an octet string holds is looked at too, where it looks like DER: so PKCS8 holds keys.
    """
    at = 0
    while at + 2 <= len(data):
        tag, (start, end) = data[at], _extent(data, at)
        content, at = data[start:end], end
        nested = tag & _CONSTRUCTED or (tag == OCTET_STRING and content[:1] == bytes([SEQUENCE]))
        if nested and depth < _DEEPEST:
            yield from _values(content, depth + 1)
        else:
            yield tag, content


def _extent(data: bytes, at: int) -> tuple[int, int]:
    """Return where the content of the value at `at` starts and ends; one cut short ends with the data."""
    first = data[at + 1]
    start = at + 2
    if first < 0x80:
        return start, start + first
    digits = data[start : start + (first & 0x7F)]
    start += len(digits)
    return start, min(start + int.from_bytes(digits, "big"), len(data))
