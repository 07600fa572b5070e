"""The pictures of the scripts: a module each, with PICTURES, the function that draws
each picture by its name. They need matplotlib, the scripts do not.
"""
