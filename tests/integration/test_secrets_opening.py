"""What users hand in is opened by processes with limits: what is absurd is refused in words, and costs nobody else."""

import itertools
import math
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    pkcs12,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import made_keys as keys
from again import again
from evener.certificates.errors import Unusable
from evener.certificates.opener_pool import Opener, Patience
from evener.certificates.opener_process import Child, Limits
from evener.certificates.parts import Parts
from evener.resources.errors import Busy, Unavailable
from made_certificates import Made, authorities, ec_key, make, served
from waiting import patience

WORD = b"word"
fewer = itertools.count(1)
ONCE = Patience(in_all_s=30, for_one_s=30)
TIGHT = Limits(cpu_s=1, memory_mib=256)


@pytest.fixture(scope="module")
def opener() -> Iterator[Opener]:
    opener = Opener(TIGHT)
    yield opener
    opener.close()


def refusal(opener: Opener, parts: Parts, project: str = "p") -> str:
    with pytest.raises(Unusable) as caught:
        opener.open(project, parts, ONCE)
    return caught.value.reason


def key_of(key: bytes, passphrase: bytes | None = None) -> Parts:
    return Parts(keys.leaf().pem, key, passphrase=passphrase)


def test_what_is_protected_is_opened_all_the_same(opener: Opener) -> None:
    made = make("protected", ec_key())
    parts = Parts(made.pem, made.key_pem(WORD), passphrase=WORD)
    found = opener.open("p", parts)
    assert (found.certificate.encode(), found.private_key.encode()) == (made.pem, made.key_pem())
    assert found == opener.open("p", Parts(made.p12()))
    assert opener.open("p", parts) is found
    assert "passphrase is not the right one" in refusal(
        opener, Parts(made.pem, made.key_pem(WORD), passphrase=b"wrong")
    )


@pytest.mark.parametrize(("p", "q"), [(9689, 4423), (4423, 4253)])
def test_a_key_of_larger_numbers_than_8192_bits_is_refused(opener: Opener, p: int, q: int) -> None:
    numbers = keys.mersenne(p, q)
    wrapped = keys.pkcs8(keys.RSA, numbers)
    for key in (keys.pem("RSA PRIVATE KEY", numbers), keys.pem("PRIVATE KEY", wrapped), wrapped):
        assert "more than 8192 bits" in refusal(opener, key_of(key))
    assert "more than 8192 bits" in refusal(opener, Parts(keys.leaf().pem + keys.pem("PRIVATE KEY", wrapped)))
    key = load_der_private_key(wrapped, None, unsafe_skip_rsa_key_validation=True)
    sealed = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(WORD))
    assert "more than 8192 bits" in refusal(opener, key_of(sealed, WORD))


def test_a_bundle_whose_key_takes_too_long_is_refused(opener: Opener) -> None:
    key = load_der_private_key(keys.mersenne(), None, unsafe_skip_rsa_key_validation=True)
    bundle = pkcs12.serialize_key_and_certificates(b"x", key, None, None, NoEncryption())
    assert "seconds of processor time" in refusal(opener, Parts(bundle))


@pytest.mark.parametrize("rounds", [2**31 - 1, 2**62])
def test_absurdly_many_rounds_end_with_their_time(opener: Opener, rounds: int) -> None:
    assert refusal(opener, key_of(keys.with_rounds(rounds), WORD))


def test_scrypt_ends_with_its_memory(opener: Opener) -> None:
    for n, r in ((2**21, 8), (2**20, 8), (2**14, 2**20), (2**30, 8)):
        assert refusal(opener, key_of(keys.with_scrypt(n, r), WORD))
    assert "256 MiB" in refusal(opener, key_of(keys.with_scrypt(2**19, 8), WORD))


def test_a_refusal_is_remembered(opener: Opener) -> None:
    parts = key_of(keys.with_rounds(2**30), WORD)
    first = refusal(opener, parts)
    assert "seconds of processor time" in first

    @again
    def is_said_at_once() -> None:
        before = time.monotonic()
        assert refusal(opener, parts, "another project") == first
        assert time.monotonic() - before < 0.5 * patience()

    is_said_at_once()


@again  # the slow one is over in a second
def test_a_project_opens_one_protected_at_a_time_and_waits_for_no_slow_one(opener: Opener) -> None:
    slow = [key_of(keys.with_rounds(2**30 - next(fewer)), WORD) for _ in range(2)]
    first = threading.Thread(target=refusal, args=(opener, slow[0], "slow"))
    first.start()
    while opener._protected._since.get("slow", math.inf) == math.inf:  # until it is being opened
        time.sleep(0.01)
    with pytest.raises(Busy) as caught:
        opener.open("slow", slow[1], Patience(in_all_s=5, for_one_s=0))
    assert caught.value.retry_after_s > 0
    made = served()
    assert opener.open("other", Parts(made.pem, made.key_pem(WORD), passphrase=WORD))
    assert opener.open("slow", Parts(made.pem, made.key_pem()))
    first.join()
    assert "seconds" in refusal(opener, slow[1], "slow")


def test_ordinary_certificates_of_a_project_queue(opener: Opener) -> None:
    leaves = [make(f"n{each}", ec_key(each)) for each in range(12)]
    found: list[str] = []

    def open_one(made: Made) -> None:
        found.append(opener.open("queue", Parts(made.pem, made.key_pem())).names[0])

    threads = [threading.Thread(target=open_one, args=(made,)) for made in leaves]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted(f"n{each}" for each in range(12))


def test_what_is_not_begun_in_time_is_told_to_come_again(opener: Opener) -> None:
    made = make("late", ec_key(60))
    with pytest.raises(Busy):
        opener.open("p", Parts(made.pem, made.key_pem()), ONCE, time.monotonic() - 1)


def test_the_process_has_no_rights_and_no_files() -> None:
    child = Child(TIGHT)
    try:
        proc = Path(f"/proc/{child.pid}")
        status = dict(line.split(":\t", 1) for line in (proc / "status").read_text().splitlines())
        if os.geteuid() == 0:
            assert set(status["Uid"].split()) == set(status["Gid"].split()) == {"65534"}
            assert int(status["CapEff"], 16) == 0
        limits = (proc / "limits").read_text()
        for name in ("Max open files", "Max processes", "Max file size", "Max core file size"):
            assert limits.partition(name)[2].split()[:2] == ["0", "0"]
    finally:
        child.end()


def test_a_process_that_somebody_ends_is_replaced(opener: Opener) -> None:
    made = make("again", ec_key(61))
    opener.open("p", Parts(made.pem, made.key_pem()))
    for child in opener._plain._idle:
        os.kill(child.pid, signal.SIGKILL)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    other = make("and again", ec_key(62))
    assert opener.open("p", Parts(other.pem, other.key_pem())).names == ("and again",)


def test_a_frozen_process_is_ended() -> None:
    child = Child(Limits(cpu_s=1, wall_s=1))
    os.kill(child.pid, signal.SIGSTOP)
    with pytest.raises(Unavailable, match="too busy"):
        child.open(Parts(b"x"))
    assert not child.alive


def test_chains_are_bounded(opener: Opener) -> None:
    made, (_, upper, lower) = served(), authorities()
    many = [make(f"a{each}", ec_key(), authority=True).pem for each in range(18)]
    found = opener.open("p", Parts(made.pem, made.key_pem(), lower.pem + upper.pem + b"".join(many)))
    assert len(found.intermediates) == 20
    assert "more than 20 certificates" in refusal(
        opener, Parts(made.pem, made.key_pem(), lower.pem + upper.pem + b"".join(many) + many[0])
    )


def test_numbers_that_do_not_belong_together_are_refused(opener: Opener) -> None:
    p, q = 2**1279 - 1, 2**2203 - 1
    good = keys.rsa_numbers(p, q)
    assert "do not belong together" in refusal(opener, key_of(good))  # with this certificate
    for wrong in (keys.number(p), keys.number(q), keys.number(pow(q, -1, p))):
        at = good.rindex(wrong) + len(wrong) - 1
        assert "do not belong together" in refusal(
            opener, key_of(good[:at] + bytes([good[at] ^ 2]) + good[at + 1 :])
        )
    assert "exponent" in refusal(opener, key_of(keys.rsa_numbers(p, q, 2**107 - 1)))


derivations = st.one_of(
    st.integers(1, 2**70).filter(lambda rounds: not 10**5 < rounds < 2**31).map(keys.with_rounds),
    st.builds(
        keys.with_scrypt,
        st.sampled_from([0, 1, 2, 3, 2**14, 2**30, 2**63, 2**64]),
        st.integers(0, 4) | st.integers(2**20, 2**66),
        st.integers(0, 4) | st.integers(2**20, 2**66),
    ),
)
numbers = st.integers(0, 2**600) | st.integers(8000, 9000).map(lambda bits: 2**bits - 1)
shapes = st.one_of(
    st.lists(numbers, max_size=9).map(lambda each: keys.sequence(*map(keys.number, each))),
    st.builds(
        keys.pkcs8,
        st.sampled_from([keys.RSA, keys.DSA, keys.DH]),
        st.binary(max_size=300),
        st.binary(max_size=80),
    ),
    st.integers(1, 3000).map(keys.nested),
    derivations,
)


def damaged(whole: bytes) -> st.SearchStrategy[bytes]:
    """Return `whole` cut short, or with bytes changed."""
    at = st.integers(0, len(whole) - 1)
    changed = st.lists(st.tuples(at, st.integers(0, 255)), min_size=1, max_size=4)

    def change(places: list[tuple[int, int]]) -> bytes:
        made = bytearray(whole)
        for place, byte in places:
            made[place] = byte
        return bytes(made)

    return at.map(lambda end: whole[:end]) | changed.map(change)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_key_that_anybody_can_write_ends_in_anything_but_words(
    opener: Opener, caplog: pytest.LogCaptureFixture, data: st.DataObject
) -> None:
    made = keys.leaf()
    whole = [made.key_pem(), made.key_pem(encoding=Encoding.DER), made.key_pem(WORD), made.p12()]
    wrapped = shapes.map(lambda each: keys.pem("ENCRYPTED PRIVATE KEY", each))
    key = data.draw(shapes | wrapped | st.sampled_from(whole).flatmap(damaged))
    for parts in (key_of(key), key_of(key, WORD), Parts(key), Parts(made.pem, made.key_pem(), key)):
        with suppress(Unusable):
            assert opener.open("p", parts, ONCE).private_key.encode() == made.key_pem()
    assert "nobody expected" not in caplog.text
