"""Tests of the wing mistakes."""
