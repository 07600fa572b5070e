"""The figures of the READMEs.

gaps              the largest differences of two records
digits            both sides train on handwritten digits
sweep             both go through the case table
job_report        what came out of both, and the verdict
job_lines         the same in lines of text
main_job          the main job: it runs both and prints them
figure            its picture
random_runs       random trainings, each from its seed
soundness         is any bound ever broken
power             the smallest error that is noticed
other_checks      what tolerances and a gradient check notice of a mistake
broken_training   how well a broken program learns the digits
mutation_report   the table of mistakes and who notices them
mutation_score    puts every mistake into a program and measures that
first_screen      the picture of the README
"""
