"""A cube that calls a cube of another service."""
