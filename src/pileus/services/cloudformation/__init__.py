"""CloudFormation: stacks, change sets, and the durable engine that carries them out."""
