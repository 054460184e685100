"""Operations of sagemaker and sagemaker-runtime."""
