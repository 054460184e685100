"""How the adapter gets into guarded clusters, and what it tells when it does not."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from msgspec.structs import replace
from tests.kafka_broker import Broker
from tests.kafka_gate import Gate

from pileus.adapters.confluent_kafka import ConfluentKafka
from pileus.ports.kafka import Cluster, Fault, KafkaError, TopicReader

USERS = {"alice": "secret"}


class Identity:
    """A key and its certificate, signed by itself unless by another."""

    def __init__(self, name: str, issuer: Identity | None = None) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.UTC)
        place = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        signer = issuer or self
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(self.subject)
            .issuer_name(signer.subject)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), True)
            .add_extension(place, False)
            .sign(signer.key, hashes.SHA256())
        )

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def key_pem(self, password: str = "") -> str:
        sealed: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if password:
            sealed = serialization.BestAvailableEncryption(password.encode())
        form = serialization.PrivateFormat.PKCS8
        return self.key.private_bytes(serialization.Encoding.PEM, form, sealed).decode()


@pytest.fixture(scope="module")
def authority() -> Identity:
    return Identity("authority")


@pytest.fixture(scope="module")
def client(authority: Identity) -> Identity:
    return Identity("client", authority)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker(tmp_path_factory.mktemp("broker")) as broker:
        broker.add_topic("guarded", 1)
        broker.produce("guarded", b"inside", partition=0)
        yield broker


def _server_side(authority: Identity, folder: Path) -> ssl.SSLContext:
    server = Identity("server", authority)
    file = folder / "server.pem"
    file.write_text(server.pem + server.key_pem())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@pytest.fixture
def login_gate(broker: Broker, authority: Identity, tmp_path: Path) -> Iterator[Gate]:
    with Gate(broker.address, _server_side(authority, tmp_path), USERS) as gate:
        yield gate


@pytest.fixture
def certificate_gate(broker: Broker, authority: Identity, tmp_path: Path) -> Iterator[Gate]:
    context = _server_side(authority, tmp_path)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=authority.pem)
    with Gate(broker.address, context) as gate:
        yield gate


def _guarded(gate: Gate, authority: Identity, mechanism: str = "", password: str = "") -> Cluster:
    return Cluster(
        servers=(gate.address,),
        mechanism=mechanism,
        user="alice" if mechanism else "",
        password=password,
        is_encrypted=True,
        authority_pem=authority.pem,
    )


async def _contents(cluster: Cluster) -> list[bytes | None]:
    """What the topic holds, read as every mapping does."""
    reader: TopicReader = await ConfluentKafka().open(cluster, "guarded", "g")
    try:
        partitions = await reader.partitions()
        await reader.begin(dict.fromkeys(partitions, 0))
        found = await reader.read(10, 20.0)
        while not found:
            found = await reader.read(10, 20.0)
        await reader.commit({0: 1})
        return [record.value for record in found]
    finally:
        await reader.close()


async def _fault(cluster: Cluster) -> Fault:
    with pytest.raises(KafkaError) as caught:
        await _contents(cluster)
    return caught.value.fault


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_user_with_the_password_gets_in(
    login_gate: Gate, authority: Identity, mechanism: str
) -> None:
    assert await _contents(_guarded(login_gate, authority, mechanism, "secret")) == [b"inside"]


@pytest.mark.slow
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
async def test_user_without_it_does_not(
    login_gate: Gate, authority: Identity, mechanism: str
) -> None:
    cluster = _guarded(login_gate, authority, mechanism, "wrong")
    assert await _fault(cluster) is Fault.WRONG_CREDENTIALS


@pytest.mark.parametrize("password", ["", "of the key"])
async def test_certificate_gets_in(
    certificate_gate: Gate, authority: Identity, client: Identity, password: str
) -> None:
    cluster = replace(
        _guarded(certificate_gate, authority),
        certificate_pem=client.pem,
        key_pem=client.key_pem(password),
        key_password=password,
    )
    assert await _contents(cluster) == [b"inside"]


@pytest.mark.slow
async def test_client_without_certificate_is_not_trusted(
    certificate_gate: Gate, authority: Identity
) -> None:
    assert await _fault(_guarded(certificate_gate, authority)) is Fault.CLIENT_UNTRUSTED


@pytest.mark.slow
async def test_server_of_another_authority_is_not_trusted(
    login_gate: Gate, authority: Identity
) -> None:
    cluster = _guarded(login_gate, Identity("another"), "PLAIN", "secret")
    assert await _fault(cluster) is Fault.SERVER_UNTRUSTED


async def test_key_that_is_none_is_unusable(certificate_gate: Gate, authority: Identity) -> None:
    cluster = replace(
        _guarded(certificate_gate, authority), certificate_pem="no certificate", key_pem="no key"
    )
    assert await _fault(cluster) is Fault.UNUSABLE_KEY


@pytest.mark.slow
async def test_cluster_that_does_not_answer_is_unreachable() -> None:
    # Port 1 of this machine: nobody listens there.
    assert await _fault(Cluster(servers=("127.0.0.1:1",))) is Fault.UNREACHABLE
