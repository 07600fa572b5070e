"""A class: many submissions, each of them checked.

targets      which submissions there are
submission   one of them, judged or not to be judged
grade        all submissions, as each is done
common       how common each mistake is
summary      the report of a class
table        it as a table of a spreadsheet
page         it as a page of a browser
"""
