"""The eight equations restated for their proof, each with its exact value and a bound.

kinds              what an entry of an activation, a loss and an update rule is
shared             what several of them compute: softmax, distributions, bc
products           sums of products, in the worst case and as whole arrays
weights            T and D of a loss with weights
penalties          P in C, and its gradient in BP3 and BP4
sums               z, BP2, BP3, BP4: sums of products
activations        a, and how a gradient comes back through f in BP1 and BP2
cross_entropies    C and BP1 of the losses on classes
binary             C and BP1 of the losses on outputs of yes or no
losses             C and BP1 of the losses on values; the table of all losses
means              the running means of d and d^2 that the adaptive rules keep
divisors           a quotient whose divisor is known as well as it rounds
adaptive           step of Adagrad, RMSprop, Adam and AdamW
clipping           the clipped gradient that a step reads
updates            step of gradient descent; the table of all rules
entries            the table of all of them, to be read
"""
