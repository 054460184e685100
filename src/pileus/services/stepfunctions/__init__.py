"""Step Functions: state machines and their executions, durable at every effect."""
