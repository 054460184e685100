"""What templates ask of the world outside, gathered while they are evaluated.

Evaluation is synchronous and the door is not: a value that is not at hand yet interrupts the
evaluation, is fetched, and the evaluation is begun again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from pileus.kernel.calls import StreamCall
from pileus.languages.cfn import Lookups, TemplateError
from pileus.services.cloudformation import store
from pileus.services.cloudformation.model import StackParameter
from pileus.values.context import Principal
from pileus.values.errors import PileusError, ServiceError

T = TypeVar("T")
_Parameter = tuple[str, int | None]
_Secret = tuple[str, str | None, str | None]
_MISSING = frozenset({"ParameterNotFound", "ParameterVersionNotFound", "ResourceNotFoundException"})


class _NotAtHand(PileusError):
    """Interrupts an evaluation: this must be fetched first."""

    def __init__(self, parameter: _Parameter | None = None, secret: _Secret | None = None) -> None:
        super().__init__("a value must be fetched first")
        self.parameter = parameter
        self.secret = secret


class Outside:
    """Parameters, secrets and exports as one stack operation sees them.

    Attributes:
        stored: values of the parameter store by name, for parameters of the SSM types.
        imported: names of the exports that were read.
    """

    def __init__(
        self,
        call: StreamCall,
        principal: Principal,
        given: Iterable[StackParameter] = (),
        *,
        tolerates_missing_exports: bool = False,
    ) -> None:
        self._call = call
        self._principal = principal
        self._tolerant = tolerates_missing_exports
        self._parameters: dict[_Parameter, str | None] = {
            (each.value, None): each.stored for each in given if each.stored is not None
        }
        self._secrets: dict[_Secret, str | None] = {}
        self.imported: set[str] = set()

    @property
    def stored(self) -> dict[str, str]:
        """What the parameter store held, by name without version."""
        found = self._parameters.items()
        return {
            name: value for (name, version), value in found if version is None and value is not None
        }

    def lookups(self) -> Lookups:
        """For the evaluator; what is not at hand interrupts it."""
        return Lookups(self._parameter, self._secret, self._export)

    async def settle(self, compute: Callable[[], T]) -> T:
        """The result of ``compute``, run again until everything it asks is at hand.

        Raises:
            TemplateError: what ``compute`` raises.
            ServiceError: what the rooms asked answer.
        """
        while True:
            try:
                return compute()
            except _NotAtHand as need:
                if need.parameter is not None:
                    self._parameters[need.parameter] = await self._fetch(need.parameter)
                if need.secret is not None:
                    self._secrets[need.secret] = await self._fetch_secret(need.secret)

    def _parameter(self, name: str, version: int | None) -> str | None:
        if (name, version) not in self._parameters:
            raise _NotAtHand(parameter=(name, version))
        return self._parameters[(name, version)]

    def _secret(self, secret_id: str, stage: str | None, version_id: str | None) -> str | None:
        key = (secret_id, stage, version_id)
        if key not in self._secrets:
            raise _NotAtHand(secret=key)
        return self._secrets[key]

    def _export(self, name: str) -> str | None:
        found = self._call.read(lambda call: store.export(call.state, name))
        if found is None:
            return name if self._tolerant else None
        self.imported.add(name)
        return found.value

    async def _fetch(self, key: _Parameter) -> str | None:
        name, version = key
        whole = name if version is None else f"{name}:{version}"
        wanted = {"Name": whole, "WithDecryption": True}
        output = await self._ask("ssm", "GetParameter", wanted)
        return None if output is None else str(output["Parameter"]["Value"])

    async def _fetch_secret(self, key: _Secret) -> str | None:
        secret_id, stage, version_id = key
        wanted = {"SecretId": secret_id, "VersionStage": stage, "VersionId": version_id}
        given = {name: value for name, value in wanted.items() if value is not None}
        output = await self._ask("secretsmanager", "GetSecretValue", given)
        if output is None:
            return None
        if "SecretString" not in output:
            raise TemplateError(f"Secret {secret_id} has no SecretString.")
        return str(output["SecretString"])

    async def _ask(
        self, service: str, operation: str, given: Mapping[str, object]
    ) -> dict[str, dict[str, object]] | None:
        try:
            reply = await self._call.invoke(service, operation, given, principal=self._principal)
        except ServiceError as error:
            if error.code in _MISSING:
                return None
            raise
        return dict(reply.output)
