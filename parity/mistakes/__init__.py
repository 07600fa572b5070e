"""Which mistake is it?

program       a training step of exchangeable equations
mistake       a wrong form of an equation, in words and code
conditions    in which layers of which networks a mistake can occur
rules         what the wrong update rules are made of
catalogue     the mistakes, by the part of a step that they break
probes        small runs in which every one of them shows
replay        a run that was shown, and the catalogue's programs on its inputs
judging       which of its arrays can come of such a program
suspects      which mistakes may explain an array that is off, and where they stand
search        which of them explain a run
evidence      what a finding rests on, in figures and in plain words
finding       what is wrong and what shows it, as a student reads it
diagnosis     diagnose: which mistake explains a record, in words
"""
