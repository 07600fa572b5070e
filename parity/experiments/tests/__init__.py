"""Tests of the wing experiments."""
