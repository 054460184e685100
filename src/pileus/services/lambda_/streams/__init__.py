"""Streams as event sources: shards followed in order, batches invoked, checkpoints kept."""
