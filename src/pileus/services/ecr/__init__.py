"""Elastic Container Registry: repositories of container images, spoken to by AWS's API and OCI's."""
