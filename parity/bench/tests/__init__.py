"""Tests of the wing bench."""
