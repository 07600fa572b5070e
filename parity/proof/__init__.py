"""Is this step right?

equations        the eight equations restated, with their bounds
weighing         T and D of a loss with weights, in numbers of any kind
formulas         the formulas over bounded arrays
penalising       the penalty and the clipping over bounded arrays
record_checks    is this a record that can be judged
statements       from a record to what each equation claims of it
result           the verdict on one array
certificate      certify: which equation of which layer holds
running          how far two correct programs may be apart
agreement        two records from equal inputs or equal weights
"""
