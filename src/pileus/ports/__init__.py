"""What the platform needs from outside, as narrow contracts in prose. Adapters keep them."""
