"""Which mistake is it?

slots         the words of a step: its numbers, its parts, what stands in a slot
functions     the right function of each slot
program       a training step of exchangeable equations
mistake       a wrong form of an equation, in words and code
conditions    in which layers of which networks a mistake can occur
rules         what the wrong update rules are made of
catalogue     the mistakes, by the part of a step that they break
probes        small runs in which every one of them shows
search        which programs of the catalogue explain a run
recovery      the formula that a program computes, found from its numbers
diagnosis     diagnose: which mistake explains a record, in words
"""
