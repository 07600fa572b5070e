"""Tests of the wing proof."""
