"""What a secured broker of the tests is told: who may log in how, and the certificates it shows and trusts."""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

MECHANISM: Final = "SCRAM-SHA-512"
LISTENERS = ("SASL_PLAINTEXT", "SASL_SSL", "SSL", "CONTROLLER")
TRUSTED = "ca.pem"
"""The file of the authority that signed the broker's certificate and the client's."""
CLIENT = "client.pem"
"""The file of a client's certificate and key."""
_SERVER = "server.pem"
_PACKAGE = "org.apache.kafka.common.security"


def security(folder: Path, admin: str, password: str) -> dict[str, str]:
    """Server properties: SCRAM with and without TLS, certificates of clients, rights; ``admin`` may do everything.

    The certificates are written to ``folder``.
    """
    _certify(folder, admin)
    login = f'username="{admin}" password="{password}"'
    scram = f"{_PACKAGE}.scram.ScramLoginModule required {login};"
    plain = f'{_PACKAGE}.plain.PlainLoginModule required {login} user_{admin}="{password}";'
    return {
        "listener.security.protocol.map": ",".join(
            f"{name}:{'SASL_PLAINTEXT' if name == 'CONTROLLER' else name}" for name in LISTENERS
        ),
        "inter.broker.listener.name": "SASL_PLAINTEXT",
        "sasl.enabled.mechanisms": MECHANISM,
        "sasl.mechanism.inter.broker.protocol": MECHANISM,
        "listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config": scram,
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": scram,
        "sasl.mechanism.controller.protocol": "PLAIN",  # the controller cannot ask itself for SCRAM
        "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.controller.plain.sasl.jaas.config": plain,
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(folder / _SERVER),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(folder / TRUSTED),
        "listener.name.ssl.ssl.client.auth": "required",
        "ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:{admin}",
    }


def _certify(folder: Path, admin: str) -> None:
    """Write the authority's certificate, and one with its key for the broker and for a client called ``admin``."""
    authority = ec.generate_private_key(ec.SECP256R1())
    root = _certificate("Tests of Carepath", authority, authority)
    (folder / TRUSTED).write_bytes(root.public_bytes(serialization.Encoding.PEM))
    for file, name in ((_SERVER, "broker"), (CLIENT, admin)):
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(name, key, authority, root)
        (folder / file).write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    authority: ec.EllipticCurvePrivateKey,
    root: x509.Certificate | None = None,
) -> x509.Certificate:
    """A certificate for a day; the authority's own without ``root``."""
    now = datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(
        issuer_name=root.subject if root else subject,
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - timedelta(hours=1),
        not_valid_after=now + timedelta(days=1),
        extensions=[],
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=root is None, path_length=None), True)
    return builder.add_extension(here, False).sign(authority, hashes.SHA256())
