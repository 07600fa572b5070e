"""Work that processes do side by side.

worker   in a process of a pool: one piece of work after the other
pool     the processes of this machine, by joblib or by the standard library
cluster  those of a backend of joblib that somebody has set: of Dask, Ray or Spark
jobs     how many, and the results in the order of the work
"""
