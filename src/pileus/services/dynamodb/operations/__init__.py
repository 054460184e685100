"""Operations of DynamoDB."""
