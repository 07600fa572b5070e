"""The figures of the READMEs.

job             the main job: refnet and PyTorch on digits and on the case table
mutations       who notices which mistake
random_runs     random trainings, each from its seed
random_numbers  random arrays, with special numbers among them
random_parts    what a share of them has besides: weights, penalties, dropout
soundness       is any bound ever broken
wide_sums       long sums for the power, and factors in a coarser format
power           the smallest error that is noticed
first_screen    the picture of the README
"""
