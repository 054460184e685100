"""What the orchestrator lets be done."""
