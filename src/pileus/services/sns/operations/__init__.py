"""Operations of SNS."""
