"""What can be wrong, in ECR's own words.

https://docs.aws.amazon.com/AmazonECR/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations

from collections.abc import Iterable

from pileus.values.errors import ServiceError

REPOSITORY_PATTERN = r"(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*"


def invalid_parameter(name: str, constraint: str) -> ServiceError:
    return ServiceError(
        "InvalidParameterException",
        f"Invalid parameter at '{name}' failed to satisfy constraint: '{constraint}'",
    )


def invalid_repository_name() -> ServiceError:
    return invalid_parameter(
        "repositoryName", f"must satisfy regular expression '{REPOSITORY_PATTERN}'"
    )


def repository_not_found(name: str, registry: str) -> ServiceError:
    return ServiceError(
        "RepositoryNotFoundException",
        f"The repository with name '{name}' does not exist in the registry with id '{registry}'",
    )


def repository_exists(name: str, registry: str) -> ServiceError:
    return ServiceError(
        "RepositoryAlreadyExistsException",
        f"The repository with name '{name}' already exists in the registry with id '{registry}'",
    )


def repository_not_empty(name: str, registry: str) -> ServiceError:
    return ServiceError(
        "RepositoryNotEmptyException",
        f"The repository with name '{name}' in registry with id '{registry}' cannot be deleted "
        "because it still contains images",
    )


def limit_exceeded(message: str) -> ServiceError:
    return ServiceError("LimitExceededException", message)


def too_many_tags() -> ServiceError:
    return ServiceError(
        "TooManyTagsException",
        "The list of tags on the repository is over the limit. The maximum number of tags that "
        "can be applied to a repository is 50.",
    )


def image_not_found(digest: str, tag: str, name: str, registry: str) -> ServiceError:
    return ServiceError(
        "ImageNotFoundException",
        f"The image with imageId {{imageDigest:'{digest or 'null'}', imageTag:'{tag or 'null'}'}} "
        f"does not exist within the repository with name '{name}' in the registry with id "
        f"'{registry}'",
    )


def image_exists(digest: str, tag: str, name: str, registry: str) -> ServiceError:
    return ServiceError(
        "ImageAlreadyExistsException",
        f"Image with digest '{digest}' and tag '{tag or 'null'}' already exists in the repository "
        f"with name '{name}' in registry with id '{registry}'",
    )


def tag_exists(tag: str, name: str) -> ServiceError:
    return ServiceError(
        "ImageTagAlreadyExistsException",
        f"The image tag '{tag}' already exists in the '{name}' repository and cannot be "
        "overwritten because the repository is immutable.",
    )


def digest_does_not_match(given: str, is_digest: str) -> ServiceError:
    return ServiceError(
        "ImageDigestDoesNotMatchException",
        f"The provided image digest '{given}' does not match the digest '{is_digest}' of the "
        "image manifest",
    )


def layers_not_found(digests: Iterable[str], name: str, registry: str) -> ServiceError:
    return ServiceError(
        "LayersNotFoundException",
        f"Layers with digests '[{', '.join(digests)}]' required for pushing image into repository "
        f"with name '{name}' in the registry with id '{registry}' do not exist",
    )


def images_not_found(digests: Iterable[str], name: str, registry: str) -> ServiceError:
    return ServiceError(
        "ReferencedImagesNotFoundException",
        f"Images with digests '[{', '.join(digests)}]' required for pushing image into repository "
        f"with name '{name}' in the registry with id '{registry}' do not exist",
    )


def layer_inaccessible(digest: str, name: str, registry: str) -> ServiceError:
    return ServiceError(
        "LayersNotFoundException",
        f"Layer with digest '{digest}' does not exist in the repository with name '{name}' in the "
        f"registry with id '{registry}'",
    )


def layer_exists(digest: str, name: str, registry: str) -> ServiceError:
    return ServiceError(
        "LayerAlreadyExistsException",
        f"Layer with digest '{digest}' already exists in the repository with name '{name}' in the "
        f"registry with id '{registry}'",
    )


def invalid_layer(message: str) -> ServiceError:
    return ServiceError("InvalidLayerException", message)


def empty_upload(upload_id: str) -> ServiceError:
    return ServiceError(
        "EmptyUploadException", f"The upload with id '{upload_id}' does not hold any layer parts."
    )


def invalid_layer_part(name: str, registry: str, upload_id: str, last_byte: int) -> ServiceError:
    return ServiceError(
        "InvalidLayerPartException",
        "The layer part size is not valid, or the first byte specified is not consecutive to the "
        "last byte of a previous layer part upload.",
        fields={
            "registryId": registry,
            "repositoryName": name,
            "uploadId": upload_id,
            "lastValidByteReceived": last_byte,
        },
    )


def upload_not_found(upload_id: str, name: str, registry: str) -> ServiceError:
    return ServiceError(
        "UploadNotFoundException",
        f"An upload with id '{upload_id}' does not exist in the repository with name '{name}' in "
        f"the registry with id '{registry}'",
    )


def policy_not_found(name: str, registry: str) -> ServiceError:
    return ServiceError(
        "RepositoryPolicyNotFoundException",
        f"Repository policy does not exist for the repository with name '{name}' in the registry "
        f"with id '{registry}'",
    )


def lifecycle_policy_not_found(name: str, registry: str) -> ServiceError:
    return ServiceError(
        "LifecyclePolicyNotFoundException",
        f"Lifecycle policy does not exist for the repository with name '{name}' in the registry "
        f"with id '{registry}'",
    )
