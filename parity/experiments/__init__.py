"""The figures of the READMEs.

digits            both sides train on handwritten digits
sweep             both go through the case table
main_job          the main job: digits and sweep, told in lines
figure            its picture
random_runs       random trainings, each from its seed
soundness         is any bound ever broken
power             the smallest error that is noticed
mutation_score    who notices which mistake
first_screen      the picture of the README
"""
