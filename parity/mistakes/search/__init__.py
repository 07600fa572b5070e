"""Which programs of the catalogue explain a run.

replay      a run that was shown, and the catalogue's programs on its inputs
judging     which of its arrays can come of such a program
suspects    which mistakes may explain an array that is off, and where they stand
search      which of them explain a run
"""
