"""Tests of parity as a whole: the mission's sentence, the command, the READMEs, the rooms."""
