"""The ports."""
