"""Certificates as a run's own authority gives them, and such as nobody should take."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

__all__ = ["PREFIX", "Authority", "replace_files"]

PREFIX = "spiffe://somersault.test/run/"

_DAY = dt.timedelta(days=1)


class Authority:
    """Signs certificates."""

    def __init__(self, name: str = "somersault test", *, days: int = 1) -> None:
        """Make an authority that is good for some days from now."""
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(
            self._name,
            self._key,
            days=days,
            extension=x509.BasicConstraints(ca=True, path_length=None),
        )

    @property
    def pem(self) -> bytes:
        """What goes into ``ca.crt``."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def leaf(
        self, word: str, *, prefix: str | None = PREFIX, names: Sequence[str] = ("localhost",), days: int = 1
    ) -> tuple[bytes, bytes]:
        """Return a certificate and its key.

        Args:
            word: The service; also a DNS name, for those who dial an address.
            prefix: What the SPIFFE name begins with; None for no SPIFFE name.
            names: More DNS names and addresses.
            days: How long from now it is good; negative if it has expired.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        subjects: list[x509.GeneralName] = [_general_name(each) for each in (word, *names)]
        if prefix is not None:
            subjects.append(x509.UniformResourceIdentifier(prefix + word))
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, word)])
        certificate = self._sign(subject, key, days=days, extension=x509.SubjectAlternativeName(subjects))
        return certificate.public_bytes(serialization.Encoding.PEM), _key_pem(key)

    def write(
        self,
        folder: Path,
        word: str,
        *,
        trusted: Sequence[Authority] = (),
        prefix: str | None = PREFIX,
        names: Sequence[str] = ("localhost",),
        days: int = 1,
    ) -> Path:
        """Write the three files into a folder and return it; ``trusted`` are the authorities in ``ca.crt``, if not this one."""
        chain, key = self.leaf(word, prefix=prefix, names=names, days=days)
        authorities = b"".join(each.pem for each in (trusted or (self,)))
        folder.mkdir(parents=True, exist_ok=True)
        replace_files(folder, {"tls.key": key, "tls.crt": chain, "ca.crt": authorities})
        return folder

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        *,
        days: int,
        extension: x509.ExtensionType,
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 10 * _DAY)
            .not_valid_after(now + days * _DAY)
            .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
            .sign(self._key, hashes.SHA256())
        )


def replace_files(folder: Path, contents: dict[str, bytes]) -> None:
    """Replace files one after the other, each at once, as programs do that renew certificates."""
    for name, content in contents.items():
        new = folder / f".{name}.new"
        new.write_bytes(content)
        new.chmod(0o600)
        os.replace(new, folder / name)  # noqa: PTH105


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
