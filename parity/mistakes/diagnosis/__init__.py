"""The mistake in words.

evidence     what a finding rests on, in figures and in plain words
finding      what is wrong and what shows it, as a student reads it
naming       the finding for a mistake that has a name
imprecise    the finding for digits that only a whole array shows to be lost
unexplained  the finding for an array that nothing explains
example      both formulas in numbers, for one small case
diagnosis    diagnose: which mistake explains a record
"""
