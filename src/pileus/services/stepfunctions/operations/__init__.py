"""Operations of this room, grouped by what they are about."""
