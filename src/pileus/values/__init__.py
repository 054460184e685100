"""Small immutable values every layer shares. Imports nothing of the house."""
