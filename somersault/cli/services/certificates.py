"""Certificates of a run's own, made anew for each of its lives, with which its services know each other on one machine.

The authority's key is never written: whoever can read neither the run's folder nor its processes' memory can't make others.
A copied, cloned or moved folder's are of no use to the next life, which makes its own.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from somersault.domain.roles import Identity
from somersault.processes.private_files import PRIVATE_FOLDER
from somersault.rpc.tls.certificates import AUTHORITIES_FILE, CERTIFICATE_FILE, KEY_FILE
from somersault.storage.durable_files import replace_file

__all__ = ["certificates_of", "spiffe_name", "write_certificates"]

_DOMAIN = "somersault.local"
_EARLIER = dt.timedelta(days=1)  # a clock may be put back
_LIFE = dt.timedelta(days=3650)  # longer than any run: they end with the life that made them
_Extensions = Sequence[tuple[x509.ExtensionType, bool]]


def certificates_of(folder: Path, name: str) -> Path:
    """Return where the certificates of one of the run's services are, or those of its ``owner``'s own tools."""
    return folder / name


def spiffe_name(run_id: str, name: str) -> str:
    """Return who a certificate names. A run's name has only characters that a path of SPIFFE has, and is never dots alone."""
    return f"spiffe://{_DOMAIN}/run/{run_id}/sa/{name}"


def write_certificates(folder: Path, *, run_id: str, names: Sequence[str]) -> None:
    """Make an authority, and for each service and the run's owner a certificate in a folder of its own.

    What an earlier life left there is removed.

    Raises:
        OSError: the folder can't be written.
    """
    if folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder)
    folder.mkdir(PRIVATE_FOLDER)
    authority = _Authority(run_id)
    for name in {*names, Identity.OWNER.value}:
        place = certificates_of(folder, name)
        place.mkdir(PRIVATE_FOLDER)
        chain, key = authority.certify(name)
        replace_file(place / KEY_FILE, key)
        replace_file(place / AUTHORITIES_FILE, authority.pem)
        replace_file(place / CERTIFICATE_FILE, chain)


class _Authority:
    """Certifies one life's services, and is then forgotten."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _called(f"run {run_id}")
        extensions: _Extensions = [
            (x509.BasicConstraints(ca=True, path_length=0), True),
            (_usage(signs=True), True),
            (x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), False),
        ]
        self.pem = _pem(self._sign(self._name, self._key, extensions))
        """What whoever checks its certificates needs."""

    def certify(self, name: str) -> tuple[str, str]:
        """Return the certificate of a service and its key, both in PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName(
            [
                x509.DNSName(name),
                x509.DNSName("localhost"),
                x509.UniformResourceIdentifier(spiffe_name(self._run_id, name)),
            ]
        )
        usages = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        extensions: _Extensions = [
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (_usage(signs=False), True),
            (names, False),
            (usages, False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), False),
        ]
        return _pem(self._sign(_called(name), key, extensions)), _key_pem(key)

    def _sign(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, extensions: _Extensions
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _EARLIER)
            .not_valid_after(now + _LIFE)
        )
        for extension, is_critical in extensions:
            builder = builder.add_extension(extension, critical=is_critical)
        return builder.sign(self._key, hashes.SHA256())


def _called(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
