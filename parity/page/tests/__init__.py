"""Tests of the wing page."""
