"""Which programs of the catalogue explain a run.

scopes        in which steps of which trainings a mistake shows
replay        a run that was shown, and the catalogue's programs on its inputs
judging       which of its arrays can come of such a program
suspects      which mistakes may explain an array that is off, and where they stand
constants     the numbers in them that only the program knows, read off its arrays
trials        the runs of a program beside the catalogue's programs
sources       what explains the first array of a run that is off
candidates    the ways to explain a run as a whole
equality      which other array one has the numbers of
presentation  what is right, but shown as something else
search        the walk through all runs
"""
