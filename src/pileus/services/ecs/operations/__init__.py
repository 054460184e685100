"""The operations of this room, grouped by what they are about."""
