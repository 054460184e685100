"""Elastic Container Registry: a registry without repositories, until container images run here."""
