"""What every room leans on: the door, transactions with their outbox, timers, supervision."""
