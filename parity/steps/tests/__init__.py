"""Tests of the wing steps."""
