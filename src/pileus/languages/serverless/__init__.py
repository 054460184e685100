"""serverless.yml into CloudFormation templates and packing plans, as the Serverless Framework."""

from pileus.languages.serverless.errors import ServiceFileError
from pileus.languages.serverless.images import ServiceImage
from pileus.languages.serverless.packaging import Artifact, PackagePlan, Requirements
from pileus.languages.serverless.service import (
    ServerlessService,
    StackSettings,
    Translation,
    load,
    load_file,
)
from pileus.languages.serverless.sources import Options, Sources
from pileus.languages.serverless.support import Support

__all__ = [
    "Artifact",
    "Options",
    "PackagePlan",
    "Requirements",
    "ServerlessService",
    "ServiceFileError",
    "ServiceImage",
    "Sources",
    "StackSettings",
    "Support",
    "Translation",
    "load",
    "load_file",
]
