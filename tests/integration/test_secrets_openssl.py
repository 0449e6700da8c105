"""What OpenSSL's own program writes is read, and what is handed out serves in HAProxy."""

import subprocess
from pathlib import Path

import pytest

from evener.certificates import opener_pool
from evener.certificates.parts import Parts
from made_certificates import authorities, make, rsa_key, served

WORD = "pass word"


def openssl(*arguments: str, given: bytes = b"") -> bytes:
    done = subprocess.run(["openssl", *arguments], input=given, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", ["RSA", "ECDSA"])
@pytest.mark.parametrize(
    "options",
    [
        ("pkcs8", "-topk8", "-v2", "aes-256-cbc"),
        ("pkcs8", "-topk8", "-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA512", "-iter", "600000"),
        ("pkcs8", "-topk8", "-v1", "PBE-SHA1-3DES"),
        ("pkcs8", "-topk8", "-scrypt"),
        ("pkcs8", "-topk8", "-v2", "aes-256-cbc", "-outform", "DER"),
        ("pkey", "-traditional", "-aes256"),
        ("pkey", "-traditional", "-des3"),
    ],
)
def test_a_key_that_openssl_protected_is_opened(kind: str, options: tuple[str, ...]) -> None:
    made = served(kind)
    protected = openssl(*options, "-passout", f"pass:{WORD}", given=made.key_pem())
    found = opener_pool.shared.open("p", Parts(made.pem, protected, passphrase=WORD.encode()))
    assert found.private_key.encode() == made.key_pem()


@pytest.mark.parametrize("word", ["", WORD])
@pytest.mark.parametrize(
    "options", [(), ("-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1"), ("-nomac",)]
)
def test_a_bundle_that_openssl_made_is_opened(tmp_path: Path, word: str, options: tuple[str, ...]) -> None:
    made, (_, upper, lower) = served(), authorities()
    (tmp_path / "chain.pem").write_bytes(upper.pem + lower.pem)
    chain = ("-certfile", str(tmp_path / "chain.pem"))
    command = ("pkcs12", "-export", *chain, *options, "-passout", f"pass:{word}")
    (tmp_path / "web.pem").write_bytes(made.pem + made.key_pem())
    bundle = openssl(*command, "-in", str(tmp_path / "web.pem"))
    found = opener_pool.shared.open("p", Parts(bundle, passphrase=word.encode()))
    assert found.private_key.encode() == made.key_pem()
    assert [each.encode() for each in found.intermediates] == [lower.pem, upper.pem]


@pytest.mark.parametrize("kind", ["RSA", "ECDSA"])
def test_haproxy_takes_what_is_handed_out(tmp_path: Path, kind: str) -> None:
    made, (_, upper, lower) = served(kind), authorities()
    found = opener_pool.shared.open("p", Parts(made.p12(upper, lower)))
    bundle = tmp_path / "bundle.pem"
    bundle.write_text(found.bundle)
    assert _check(tmp_path, bundle).returncode == 0


def test_what_is_refused_as_too_weak_haproxy_would_not_take(tmp_path: Path) -> None:
    weak = make("weak", rsa_key(bits=1024))
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(weak.pem + weak.key_pem())
    done = _check(tmp_path, bundle)
    assert done.returncode != 0
    assert "unable to load SSL certificate" in done.stderr


def _check(directory: Path, bundle: Path) -> subprocess.CompletedProcess[str]:
    config = directory / "haproxy.conf"
    config.write_text(
        "defaults\n mode http\n timeout connect 1s\n timeout client 1s\n timeout server 1s\n"
        f"frontend f\n bind 127.0.0.1:8443 ssl crt {bundle}\n"
    )
    return subprocess.run(
        ["haproxy", "-c", "-f", str(config)], capture_output=True, text=True, check=False, timeout=30
    )
