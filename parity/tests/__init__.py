"""Tests of parity as a whole: the mission, the command line, the READMEs, the rooms."""
