"""HAProxy's own way of taking a configuration apart, written a second time from its manual: section 2.2.

Must not be derived from what writes configurations. And texts from all of Unicode that are hard to keep whole.
"""

import random
import re
import unicodedata

_LETTERS = {"n": b"\n", "r": b"\r", "t": b"\t"}
_HEX = re.compile(r"x([0-9A-Fa-f]{2})")

# Every character at which some reader of lines may end one, and others that are more than they seem.
LINE_ENDS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f"
COMBINING = "\u0301\u0327\u20e3\ufe0f\u200d"
SPACES = " \t\xa0\u1680\u2003\u3000\ufeff"
ASCII = "".join(map(chr, range(32, 127)))
TOKEN = "abcXYZ019!#$%&'*+.^_`|~-"
ALPHABETS = (LINE_ENDS, BIDI, COMBINING, SPACES, ASCII, "\\\"'#$,(){}%", TOKEN, "/a%2Fb?c=d")


def lines(text: str) -> list[list[bytes]]:
    """Return the words of each line that has some; only a line feed ends a line."""
    return [words for words in map(_words, text.split("\n")) if words]


def _words(line: str) -> list[bytes]:
    found: list[bytes] = []
    word: bytes | None = None
    quote, at = "", 0
    while at < len(line):
        char = line[at]
        at += 1
        if char == quote:
            quote = ""
        elif not quote and char in "\"'":
            quote, word = char, word or b""
        elif not quote and char == "#":
            break
        elif not quote and char in " \t\r":
            if word is not None:
                found.append(word)
            word = None
        elif char == "$" and quote == '"':
            raise AssertionError(f"an environment variable in {line!r}")
        elif char == "\\" and quote != "'":
            escaped, at = _escape(line, at)
            word = (word or b"") + escaped
        else:
            word = (word or b"") + char.encode()
    assert not quote, f"{line!r} does not end its quotes"
    return found if word is None else [*found, word]


def _escape(line: str, at: int) -> tuple[bytes, int]:
    byte = _HEX.match(line, at)
    if byte:
        return bytes.fromhex(byte[1]), byte.end()
    return _LETTERS.get(line[at], line[at].encode()), at + 1


def text(r: random.Random, longest: int = 40) -> str:
    """Return a text of any characters that are none of half a pair: mostly of one kind, now and then of all."""
    alphabet = r.choice((*ALPHABETS, "", ""))
    return "".join(_char(r, alphabet) for _ in range(r.randint(0, longest)))


def _char(r: random.Random, alphabet: str) -> str:
    if alphabet and r.random() < 0.8:
        return r.choice(alphabet)
    if r.random() < 0.5:
        return r.choice(r.choice(ALPHABETS))
    while unicodedata.category(char := chr(r.randrange(0x110000))) == "Cs":
        pass
    return char
