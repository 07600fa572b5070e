"""Test vectors: small trainings as files, with what a right program gives, and how far
from that each number may be. `parity vectors DIR` writes them, and nothing is started.

bounds     what each array is, and its allowed error
choice     which tasks become vectors
notes      what frameworks do otherwise
writing    from a task to the text of its file
files      the files of the version, and their copies

The files themselves lie in a folder for each version. They never change: others keep
them. What is written otherwise is a new version.
"""
