"""From what a program showed to a report.

coverage    what the tasks have tried, and whether that is enough
results     what became of each task
points      which share of what was asked for holds
report      what a check found, as it is read
wording     findings in the lines of the protocol
judgement   the report of the outcomes of tasks
"""
