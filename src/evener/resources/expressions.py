"""Whether HAProxy takes a regular expression: asks PCRE2, the library that HAProxy compiles expressions with."""

import ctypes
import re
from functools import cache

# pcre2.h. HAProxy compiles those of rules without captures by number (regex_comp with `cap` 0), and without UTF-8,
# whose names in an expression would let its JIT read text that nobody has checked.
_NO_AUTO_CAPTURE, _NEVER_UTF, _NEVER_UCP, _NEVER_BACKSLASH_C = 0x2000, 0x1000, 0x0800, 0x00100000
_OPTIONS = _NO_AUTO_CAPTURE | _NEVER_UTF | _NEVER_UCP | _NEVER_BACKSLASH_C
_LIBRARY = "libpcre2-8.so.0"  # Debian's libpcre2-8-0, on which haproxy depends
_LONGEST_MESSAGE = 256  # bytes


def refusal(expression: str) -> str | None:
    """Return why `expression` is none, or None where it is one.

    Where the library is missing, Python is asked: its expressions are nearly the same.
    """
    library = _library()
    if library is None:
        return _python_refusal(expression)
    pattern = expression.encode()
    code, offset = ctypes.c_int(), ctypes.c_size_t()
    compiled = library.pcre2_compile_8(
        pattern, len(pattern), _OPTIONS, ctypes.byref(code), ctypes.byref(offset), None
    )
    if compiled:
        library.pcre2_code_free_8(compiled)
        return None
    message = ctypes.create_string_buffer(_LONGEST_MESSAGE)
    library.pcre2_get_error_message_8(code, message, len(message))
    return f"{message.value.decode(errors='replace')} at position {offset.value}"


def _python_refusal(expression: str) -> str | None:
    try:
        re.compile(expression)
    except (re.error, RecursionError, OverflowError) as error:
        return str(error)
    return None


@cache
def _library() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError:
        return None
    library.pcre2_compile_8.restype = ctypes.c_void_p
    library.pcre2_compile_8.argtypes = (
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_uint32,
        ctypes.POINTER(ctypes.c_int),
        ctypes.POINTER(ctypes.c_size_t),
        ctypes.c_void_p,
    )
    library.pcre2_code_free_8.argtypes = (ctypes.c_void_p,)
    library.pcre2_code_free_8.restype = None
    library.pcre2_get_error_message_8.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t)
    return library
