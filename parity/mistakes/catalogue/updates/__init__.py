"""Mistakes in the update rules.

steps            the step, whatever the rule
decay            the weight decay, whatever the rule
clipping         the gradient made shorter before the step
penalties        the weight decay in the cost and in the gradients
momentum         the velocity of SGD and RMSprop
state            the vectors that a rule keeps from step to step
quotients        the root, eps and squares that the adaptive rules divide by
adagrad          Adagrad's rate and start value
rmsprop          RMSprop's averages
adam_averages    Adam's averages and betas, and AMSGrad's maximum
adam_correction  Adam's bias correction
"""
