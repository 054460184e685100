"""What no user or account has here: passwords, second factors, certificates, providers.

Tools ask for these before they delete a user or describe an account.
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_users_remove.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pileus.kernel.calls import ReadCall, WriteCall
from pileus.kernel.operations import OperationCode, read, write
from pileus.services.iam import errors, store


def _none_of_a_user(member: str, *, is_paged: bool = True) -> OperationCode:
    def run(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
        if request.get("UserName"):
            store.identity(call.state, "user", request["UserName"])
        return {member: [], "IsTruncated": False} if is_paged else {member: []}

    return OperationCode("read", run)


def _none(member: str, *, is_paged: bool = False) -> OperationCode:
    def run(call: ReadCall, request: Mapping[str, Any]) -> dict[str, Any]:
        return {member: [], "IsTruncated": False} if is_paged else {member: []}

    return OperationCode("read", run)


list_mfa_devices = _none_of_a_user("MFADevices")
list_signing_certificates = _none_of_a_user("Certificates")
list_ssh_public_keys = _none_of_a_user("SSHPublicKeys")
list_service_specific_credentials = _none_of_a_user("ServiceSpecificCredentials", is_paged=False)
list_virtual_mfa_devices = _none("VirtualMFADevices", is_paged=True)
list_server_certificates = _none("ServerCertificateMetadataList", is_paged=True)
list_open_id_connect_providers = _none("OpenIDConnectProviderList")
list_saml_providers = _none("SAMLProviderList")


@read
def get_login_profile(call: ReadCall, request: Mapping[str, Any]) -> None:
    """Users have no passwords here."""
    raise _no_profile(call, request)


@write
def delete_login_profile(call: WriteCall, request: Mapping[str, Any]) -> None:
    """Users have no passwords here."""
    raise _no_profile(call, request)


def _no_profile(call: ReadCall, request: Mapping[str, Any]) -> Exception:
    user = store.identity(call.state, "user", request["UserName"])
    return errors.no_login_profile(user.name)


@read
def get_account_password_policy(call: ReadCall, request: Mapping[str, Any]) -> None:
    """There is none where there are no passwords."""
    raise errors.no_password_policy(call.account)
