"""Operations of EventBridge."""
