"""Tests of the wing rounding."""
