"""Tests of the cube, and what they share."""
