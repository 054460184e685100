"""Topics of a self-managed Apache Kafka cluster as event sources."""
