"""What runs models."""

from __future__ import annotations

from pileus.platform.running import Closing, Platform, boot_id
from pileus.services.sagemaker.parts import ModelSettings, add_model_parts


def build(platform: Platform) -> None:
    """Pools of models on this machine."""
    settings = platform.settings
    models_dir = settings.data_dir.resolve() / "models"
    model_settings = ModelSettings(models_dir, boot_id(), settings.idle_s)
    endpoints = add_model_parts(platform.kernel, platform.wing("node"), model_settings)
    platform.at_close(Closing.POOLS, endpoints.pools.close)
