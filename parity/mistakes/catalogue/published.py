"""Published backprop mistakes, and which entry of the catalogue each of them is, or why
it is none.

One row for each report: a short name, its address, and the ids in `bugs.CATALOGUE`, or
the reason why it is out.
"""

from typing import NamedTuple


class Published(NamedTuple):
    """A mistake that somebody published: where, and which of the catalogue's it is, or
    why it is out.
    """

    name: str
    url: str
    bugs: tuple[str, ...] = ()
    out: str = ""


PUBLISHED = (
    Published(
        "hidden-delta-grokking50",
        "https://github.com/iamtrask/Grokking-Deep-Learning/issues/50",
        ("hidden-derivative-missing",),
    ),
    Published(
        "hardcoded-derivative-ttezel",
        "https://github.com/ttezel/nn/issues/8",
        ("sigmoid-derivative-everywhere",),
    ),
    Published(
        "double-tanh-neural2d40",
        "https://github.com/davidrmiller/neural2d/issues/40",
        ("derivative-at-a",),
    ),
    Published(
        "double-activation-skynet",
        "https://github.com/liashchynskyi/skynet/pull/1",
        ("derivative-at-a",),
    ),
    Published(
        "wrong-layer-activation-unda",
        "https://github.com/unda-ml/unda/issues/1",
        ("derivative-of-the-layer-above",),
    ),
    Published(
        "tanh-z2-dennybritz3",
        "https://github.com/dennybritz/nn-from-scratch/pull/3",
        ("derivative-at-z-above",),
    ),
    Published(
        "outer-transposed-grokking22",
        "https://github.com/iamtrask/Grokking-Deep-Learning/pull/22",
        ("dW-transposed",),
    ),
    Published(
        "own-output-in-dW-filipe",
        "https://github.com/filipecalasans/mlp/commit/5198bbb",
        ("dW-from-own-a",),
    ),
    Published(
        "dW-uses-layer0-ralampay22", "https://github.com/ralampay/ann/pull/22", ("dW-from-x",)
    ),
    Published(
        "updated-w-joelgrus31",
        "https://github.com/joelgrus/data-science-from-scratch/issues/31",
        ("updated-weights",),
    ),
    Published(
        "updated-w-botacademy",
        "https://github.com/Bot-Academy/NeuralNetworkFromScratch/pull/3",
        ("updated-weights",),
    ),
    Published(
        "updated-w-codingtrain72",
        "https://github.com/CodingTrain/Toy-Neural-Network-JS/issues/72",
        ("updated-weights",),
    ),
    Published(
        "shallow-copy-botacademy",
        "https://github.com/Bot-Academy/NeuralNetworkFromScratch/commit/14a6fcf",
        ("updated-weights",),
    ),
    Published(
        "bias-sum-all-botacademy",
        "https://github.com/Bot-Academy/NeuralNetworkFromScratch/commit/14a6fcf",
        ("db-summed-over-all",),
    ),
    Published(
        "sign-tutorial-pytorch1871",
        "https://github.com/pytorch/pytorch/issues/1871",
        ("step-uphill",),
    ),
    Published(
        "sign-nll-gradient-cs231n",
        "https://github.com/cs231n/cs231n.github.io/commit/a982d7f",
        ("output-delta-negated",),
    ),
    Published(
        "sign-delta3-dennybritz11",
        "https://github.com/dennybritz/nn-from-scratch/issues/11",
        ("output-delta-negated",),
    ),
    Published(
        "bias-never-mattm5",
        "https://github.com/mattm/simple-neural-network/issues/5",
        ("bias-never-updated",),
    ),
    Published("bias-rbm-openann76", "https://github.com/OpenANN/OpenANN/issues/76", ("db-zero",)),
    Published(
        "bias-lr-matconvnet197",
        "https://github.com/vlfeat/matconvnet/issues/197",
        ("bias-never-updated",),
    ),
    Published(
        "bias-scalar-sum-rasbt5",
        "https://github.com/rasbt/stat453-deep-learning-ss21/issues/5",
        ("db-summed-over-all",),
    ),
    Published(
        "bias-from-dW-rowsum-dlnlp64",
        "https://github.com/rust0258/Deeplearning.ai-Natural-Language-Processing-Specialization/issues/64",
        ("db-from-dW",),
    ),
    Published(
        "bias-no-batch-sum-mlpack3679",
        "https://github.com/mlpack/mlpack/pull/3679",
        ("db-not-summed",),
    ),
    Published(
        "bias-rebind-jimfleming1",
        "https://github.com/jimfleming/differentiation/issues/1",
        ("db-not-summed",),
    ),
    Published(
        "bias-broadcast-nd4j2424",
        "https://github.com/deeplearning4j/nd4j/issues/2424",
        ("db-not-summed",),
    ),
    Published(
        "batch-div-twice-graphsage12",
        "https://github.com/williamleif/GraphSAGE/issues/12",
        ("loss-averaged-twice",),
    ),
    Published(
        "batch-div-twice-coiltraine37",
        "https://github.com/felipecode/coiltraine/issues/37",
        ("loss-averaged-twice",),
    ),
    Published(
        "bias-div-twice-dl4j366",
        "https://github.com/deeplearning4j/deeplearning4j/pull/366",
        ("db-averaged",),
    ),
    Published(
        "slices-vs-size-dl4j1452",
        "https://github.com/deeplearning4j/deeplearning4j/pull/1452",
        ("divided-by-inputs",),
    ),
    Published(
        "mae-n-simd57e94ab",
        "https://github.com/oysteijo/simd_neuralnet/commit/57e94ab",
        ("not-averaged-at-all",),
    ),
    Published(
        "regressor-outputs-sklearn8349",
        "https://github.com/scikit-learn/scikit-learn/issues/8349",
        ("averaged-over-samples-only",),
    ),
    Published(
        "no-average-hunkim173",
        "https://github.com/hunkim/DeepLearningZeroToAll/issues/173",
        ("not-averaged",),
    ),
    Published("sum-loss-jax3113", "https://github.com/jax-ml/jax/pull/3113", ("loss-summed",)),
    Published(
        "one-over-m-twice-dlai63071",
        "https://community.deeplearning.ai/t/course-1-week-3-planar-assignment-4-5-exercise-6-backward-propagation-error-for-dw1-values/63071",
        ("averaged-again-below",),
    ),
    Published("divide-by-classes-zidvn", "https://z.id.vn/?p=348969", ("loss-divided-by-outputs",)),
    Published(
        "half-dlib1169", "https://github.com/davisking/dlib/issues/1169", ("half-the-gradient",)
    ),
    Published(
        "jacobian-diag-libnd4j440",
        "https://github.com/deeplearning4j/libnd4j/issues/440",
        ("softmax-diagonal-only",),
    ),
    Published(
        "jacobian-diag-seblague5",
        "https://github.com/SebLague/Neural-Network-Experiments/pull/5",
        ("softmax-diagonal-only",),
    ),
    Published(
        "softmax-1-minus-neuroph37",
        "https://github.com/neuroph/neuroph/issues/37",
        ("softmax-one-minus",),
    ),
    Published(
        "softmax-sigmoid-deriv-jorgenkg6",
        "https://github.com/jorgenkg/python-neural-network/pull/6",
        ("softmax-diagonal-only",),
    ),
    Published(
        "jacobian-overwritten-so40575841",
        "https://python.dizzycoding.com/numpy-calculate-the-derivative-of-the-softmax-function/",
        ("softmax-jacobian-overwritten",),
    ),
    Published(
        "softmax-of-gradient-offlinew",
        "https://offlinew.com/q/q/3383959922",
        ("softmax-of-the-gradient",),
    ),
    Published(
        "logsoftmax-mlpack3469",
        "https://github.com/mlpack/mlpack/pull/3469",
        out="no formula published",
    ),
    Published(
        "softmax-all-elements-nd4j44",
        "https://github.com/deeplearning4j/nd4j/issues/44",
        ("softmax-over-all",),
    ),
    Published(
        "softmax-all-utensor171",
        "https://github.com/uTensor/uTensor/pull/171",
        ("softmax-over-all",),
    ),
    Published(
        "softmax-builtin-sum-so76473561",
        "https://example-a.com/answer/76473561",
        ("softmax-over-batch",),
    ),
    Published(
        "softmax-overflow-simd-c18e9a9",
        "https://github.com/oysteijo/simd_neuralnet/commit/c18e9a9",
        ("softmax-overflow",),
    ),
    Published(
        "fused-derivative-aprilann5",
        "https://github.com/april-org/april-ann/issues/5",
        ("output-derivative-missing",),
    ),
    Published(
        "log0-tinydnn410", "https://github.com/tiny-dnn/tiny-dnn/issues/410", ("log-of-zero",)
    ),
    Published(
        "clip-kills-gradient-dqn46",
        "https://github.com/spragunr/deep_q_rl/issues/46",
        ("error-clipped",),
    ),
    Published("softmax-twice-2", "https://github.com/jaehong31/CGES/issues/1", ("softmax-twice",)),
    Published(
        "softmax-twice-3",
        "https://github.com/jindongwang/Deep-learning-activity-recognition/issues/10",
        ("softmax-before-the-loss",),
    ),
    Published(
        "grad-not-zeroed-simd-099a3c0",
        "https://github.com/oysteijo/simd_neuralnet/commit/099a3c0",
        ("gradients-not-reset",),
    ),
    Published(
        "dw-plus-lr-codeproject",
        "https://www.codeproject.com/Questions/1097336/MLP-XOR-backpropagation",
        ("gradients-not-reset-and-fed-back",),
    ),
    Published(
        "zero-grad-tennis7",
        "https://github.com/yastrebksv/TennisCourtDetector/issues/7",
        ("gradients-not-reset",),
    ),
    Published(
        "zero-grad-torchforge71",
        "https://github.com/meta-pytorch/torchforge/pull/71",
        ("gradients-not-reset",),
    ),
    Published(
        "template-alias-offlinew", "https://offlinew.com/q/q/4098171066", ("gradients-not-reset",)
    ),
    Published(
        "multi-path-ctensor5",
        "https://github.com/sebgao/cTensor/issues/5",
        out="the order in which a graph library visits its nodes; a chain of layers has no node "
        "with two consumers",
    ),
    Published(
        "optimizer-on-copy-nntrainer242",
        "https://github.com/nntrainer/nntrainer/pull/242",
        ("weights-never-updated",),
    ),
    Published(
        "shared-delta-array-libbrain80",
        "https://github.com/benoitfragit/libBrain/issues/80",
        out="no formula published: what the shared array held depends on the order of the calls",
    ),
    Published(
        "deepcopy-drmad6",
        "https://github.com/nicholas-leonard/drmad/issues/6",
        ("momentum-without-effect",),
    ),
    Published(
        "relu-ge-grokking13",
        "https://github.com/iamtrask/Grokking-Deep-Learning/pull/13",
        ("relu-derivative-always-1",),
    ),
    Published(
        "relu-mask-inverted-simd76ae42b",
        "https://github.com/oysteijo/simd_neuralnet/commit/76ae42b",
        ("relu-mask-inverted",),
    ),
    Published(
        "relu-mask-on-gradient-dlbook127",
        "https://github.com/exacity/deeplearningbook-chinese/issues/127",
        ("relu-mask-on-gradient",),
    ),
    Published(
        "leaky-constant-zig5",
        "https://github.com/SilasMarvin/dnns-from-scratch-in-zig/issues/5",
        ("leaky-slope-for-gradient",),
    ),
    Published(
        "leaky-alpha-dl4j8178",
        "https://github.com/deeplearning4j/deeplearning4j/issues/8178",
        ("leaky-default-slope",),
    ),
    Published(
        "leaky-forward-tflearn784",
        "https://github.com/tflearn/tflearn/pull/784",
        ("leaky-forward-is-relu",),
    ),
    Published(
        "tanh-d-andersbll4",
        "https://github.com/andersbll/nnet/issues/4",
        ("tanh-derivative-is-tanh",),
    ),
    Published(
        "tanh-half-hips317", "https://github.com/HIPS/autograd/issues/317", ("tanh-of-half",)
    ),
    Published(
        "softplus-simd0655658",
        "https://github.com/oysteijo/simd_neuralnet/commit/0655658",
        out="softplus, which refnet does not have",
    ),
    Published(
        "int-weights-tdlearn", "https://github.com/chrodan/tdlearn/pull/1", ("weights-truncated",)
    ),
    Published(
        "int-grad-autograd3",
        "https://github.com/eduardoleao052/Autograd-from-scratch/issues/3",
        out="an exception, not wrong numbers",
    ),
    Published(
        "l2-sign-andersbll4", "https://github.com/andersbll/nnet/issues/4", ("decay-subtracted",)
    ),
    Published(
        "l2-ones-column-jwarmenhoven3",
        "https://github.com/JWarmenhoven/Coursera-Machine-Learning/issues/3",
        ("decay-constant-on-b",),
    ),
    Published(
        "l2-bias-forgotten-burton9",
        "https://github.com/Burton2000/CS231n-2017/issues/9",
        ("decay-not-on-b",),
    ),
    Published(
        "l2-on-bias-dlt32",
        "https://github.com/rasmusbergpalm/DeepLearnToolbox/issues/32",
        out="decay of the biases too, which is PyTorch's convention and ours",
    ),
    Published(
        "l2-factor2-jingting3",
        "https://github.com/jingtinghuang/CS231n-Spring-2017/issues/3",
        ("decay-halved",),
    ),
    Published(
        "l1l2-elseif-dl4j327",
        "https://github.com/deeplearning4j/deeplearning4j/issues/327",
        out="L1 penalty, which refnet does not have",
    ),
    Published(
        "l1-no-abs-filipe",
        "https://github.com/filipecalasans/mlp/commit/7457f0f",
        out="L1 penalty, which refnet does not have",
    ),
    Published(
        "l2-ignored-adam-paddle5836",
        "https://github.com/PaddlePaddle/Paddle/issues/5836",
        ("decay-ignored",),
    ),
    Published(
        "l2-norm-not-squared-numpyml53",
        "https://github.com/ddbourgin/numpy-ml/issues/53",
        out="the value of a penalty in the loss, which refnet does not report",
    ),
    Published(
        "momentum-stale-mdenil4",
        "https://github.com/mdenil/dropout/issues/4",
        ("momentum-old-velocity-damped-twice",),
    ),
    Published(
        "momentum-init-matrixslow17",
        "https://github.com/zc911/MatrixSlow/pull/17",
        ("momentum-first-step-without-lr",),
    ),
    Published(
        "momentum-on-weights-ralampay",
        "https://github.com/ralampay/ann/issues/21",
        ("momentum-on-weights",),
    ),
    Published(
        "nesterov-twice-simd17",
        "https://github.com/oysteijo/simd_neuralnet/issues/17",
        ("nesterov-look-ahead-kept",),
    ),
    Published(
        "nesterov-sign-paddle12231",
        "https://github.com/PaddlePaddle/Paddle/pull/12231",
        ("nesterov-sign",),
    ),
    Published(
        "adam-missing-micrograd2e",
        "https://github.com/EurekaLabsAI/micrograd/pull/2",
        ("adam-without-correction",),
    ),
    Published(
        "adam-t1-cs231n179",
        "https://github.com/cs231n/cs231n.github.io/issues/179",
        ("adam-t-one-ahead",),
    ),
    Published(
        "adam-t-not-shared-a3c12",
        "https://github.com/ikostrikov/pytorch-a3c/issues/12",
        out="a step count for each of several processes",
    ),
    Published(
        "adam-recursive-eta-pennylane1929",
        "https://github.com/PennyLaneAI/pennylane/pull/1929",
        ("adam-rate-recursive",),
    ),
    Published(
        "adam-beta-inverted-blocks1159",
        "https://github.com/mila-iqia/blocks/issues/1159",
        ("adam-betas-complemented",),
    ),
    Published(
        "adam-beta-inconsistent-skip82",
        "https://github.com/ryankiros/skip-thoughts/issues/82",
        ("adam-betas-complemented-in-averages",),
    ),
    Published(
        "adam-t0-burn630", "https://github.com/tracel-ai/burn/pull/630", ("adam-t-from-zero",)
    ),
    Published(
        "adam-eps-scaled-pytorch22628",
        "https://github.com/pytorch/pytorch/pull/22628",
        ("adam-epsilon-hat",),
    ),
    Published(
        "adam-lr-cancels-unda",
        "https://github.com/unda-ml/unda/commit/db6fa39",
        ("adam-lr-cancels",),
    ),
    Published(
        "adam-doc-npfl114", "https://github.com/ufal/npfl114/pull/79", ("adam-correction-squared",)
    ),
    Published(
        "rmsprop-avg-devinterview1",
        "https://github.com/Devinterview-io/gradient-descent-interview-questions/issues/1",
        ("rmsprop-undamped-average",),
    ),
    Published(
        "adamw-basicmodel2",
        "https://github.com/anhquan0412/basic_model_scratch/issues/2",
        ("decay-coupled",),
    ),
    Published(
        "lr-resets-each-epoch-handson192",
        "https://github.com/ageron/handson-ml3/pull/192",
        out="a learning-rate schedule: the step takes the rate that it is given",
    ),
    Published(
        "lr-milestone-early-timm2753",
        "https://github.com/huggingface/pytorch-image-models/pull/2753",
        out="a learning-rate schedule: the step takes the rate that it is given",
    ),
    Published(
        "lr-get-lr-pytorch22107",
        "https://github.com/pytorch/pytorch/issues/22107",
        out="a learning-rate schedule: the step takes the rate that it is given",
    ),
    Published(
        "lr-compounded-dl4j3678",
        "https://github.com/deeplearning4j/deeplearning4j/issues/3678",
        out="a learning-rate schedule: the step takes the rate that it is given",
    ),
    Published(
        "lr-unreachable-mangye7",
        "https://github.com/mangye16/Unsupervised_Embedding_Learning/issues/7",
        out="a learning-rate schedule: the step takes the rate that it is given",
    ),
    Published(
        "lr-undefined-shiffman12",
        "https://github.com/shiffman/Neural-Network-p5/pull/12",
        ("lr-not-a-number",),
    ),
    Published(
        "dropout-mask-numpyml94", "https://github.com/ddbourgin/numpy-ml/issues/94", out="dropout"
    ),
    Published(
        "dropout-mask-inferred-kaldi3890",
        "https://github.com/kaldi-asr/kaldi/issues/3890",
        out="dropout",
    ),
    Published(
        "bn-extra-term-mxnet1053",
        "https://github.com/apache/mxnet/issues/1053",
        out="batch normalisation",
    ),
    Published(
        "init-xavier-parens-mlverse555",
        "https://github.com/mlverse/torch/issues/555",
        out="an initialiser",
    ),
    Published(
        "broadcast-tchrs510",
        "https://github.com/LaurentMazare/tch-rs/issues/510",
        ("targets-broadcast",),
    ),
    Published(
        "gradcheck-onesided-mxnet3693",
        "https://github.com/apache/mxnet/issues/3693",
        out="a gradient checker, not a gradient",
    ),
    Published(
        "gradcheck-float32-paddle4283",
        "https://github.com/PaddlePaddle/Paddle/issues/4283",
        out="a gradient checker, not a gradient",
    ),
    Published(
        "gradcheck-tol-paddle4054",
        "https://github.com/PaddlePaddle/Paddle/issues/4054",
        out="a gradient checker, not a gradient",
    ),
    Published(
        "gradcheck-uniform-mnemosyne1987",
        "https://github.com/HomericIntelligence/Mnemosyne/pull/1987",
        out="a gradient checker, not a gradient",
    ),
    Published(
        "gradcheck-partial-bighuang10",
        "https://github.com/bighuang624/Andrew-Ng-Deep-Learning-notes/issues/10",
        ("dW-scaled", "db-scaled"),
    ),
    Published(
        "gradcheck-at-optimum-pybnf535",
        "https://github.com/lanl/PyBNF/issues/535",
        out="a gradient checker, not a gradient",
    ),
    Published(
        "tanh-upside-down-fastbook273",
        "https://github.com/fastai/fastbook/issues/273",
        ("tanh-upside-down",),
    ),
    Published(
        "tanh-bw-poly-ttmetal55349",
        "https://github.com/tenstorrent/tt-metal/issues/55349",
        out="no formula published: the coefficients of the polynomial are not given",
    ),
)


class FalseAlarm(NamedTuple):
    """A mistake that somebody reported and that is none: what was claimed, and why the
    code is right; or why it is out.
    """

    name: str
    url: str
    claim: str
    why: str
    out: str = ""


FALSE_ALARMS = (
    FalseAlarm(
        "fa-nielsen77",
        "https://github.com/mnielsen/neural-networks-and-deep-learning/pull/77",
        "The output's delta lacks the derivative of the sigmoid.",
        "With the cross-entropy that derivative cancels against the 1 / (a (1 - a)) of the loss, "
        "and what is left is a - y.",
    ),
    FalseAlarm(
        "fa-packt4",
        "https://github.com/PacktPublishing/Neural-Network-Projects-with-Python/issues/4",
        "x (1 - x) is not the derivative of the sigmoid.",
        "The function is called with a = sigmoid(z), and a (1 - a) is the derivative in "
        "terms of a.",
    ),
    FalseAlarm(
        "fa-dlt165",
        "https://github.com/rasmusbergpalm/DeepLearnToolbox/issues/165",
        "a (1 - a) should apply the sigmoid first.",
        "a has been through the sigmoid already; to apply it again would evaluate the derivative "
        "at the wrong place.",
    ),
    FalseAlarm(
        "fa-shiffman22",
        "https://github.com/shiffman/Neural-Network-p5/issues/22",
        "x (1 - x) lacks the sigmoid of x.",
        "It is mapped over the outputs of the layer, which are sigmoids of z; it would only be "
        "wrong for another activation.",
    ),
    FalseAlarm(
        "fa-sklearn14244",
        "https://github.com/scikit-learn/scikit-learn/issues/14244",
        "delta[a == 0] = 0 should be delta[a <= 0] = 0.",
        "a is the output of the ReLU, which is never negative, so both masks are the same.",
    ),
    FalseAlarm(
        "fa-sklearn8987",
        "https://github.com/scikit-learn/scikit-learn/issues/8987",
        "The lists of activations and deltas differ in length.",
        "One list has an entry for x, which has no delta; an array that nobody reads changes no "
        "gradient.",
    ),
    FalseAlarm(
        "fa-accord577",
        "https://github.com/accord-net/framework/issues/577",
        "The errors of the output are computed, but never written back.",
        "The name refers to the stored array itself, so what is written through it is stored.",
    ),
    FalseAlarm(
        "fa-accord258",
        "https://github.com/accord-net/framework/issues/258",
        "One class has output - desired, another desired - output.",
        "The first subtracts its step and the second adds it, so both go downhill.",
    ),
    FalseAlarm(
        "fa-rashid66",
        "https://github.com/makeyourownneuralnetwork/makeyourownneuralnetwork/issues/66",
        "The weights should be reduced, not increased, by the step.",
        "The error is target - output, which has the minus of gradient descent in it.",
    ),
    FalseAlarm(
        "fa-smile151",
        "https://github.com/haifengl/smile/pull/151",
        "The delta of the cross-entropy must be output - target.",
        "The library climbs the likelihood instead of descending its negative, so its gradient "
        "is target - output and is added.",
    ),
    FalseAlarm(
        "fa-darknet29",
        "https://github.com/pjreddie/darknet/pull/29",
        "The gradient of the mean lacks the term that comes through the variance.",
        "That term is a sum of x - mean, which is 0.",
        out="batch normalisation",
    ),
    FalseAlarm(
        "fa-pytorch44917",
        "https://github.com/pytorch/pytorch/issues/44917",
        "SGD's momentum is not that of the paper, which multiplies the learning rate into the "
        "velocity.",
        "While the learning rate is constant the two take the same steps; when it changes they "
        "are two conventions.",
    ),
    FalseAlarm(
        "fa-pytorch5920",
        "https://github.com/pytorch/pytorch/pull/5920",
        "Nesterov's momentum is implemented wrongly.",
        "The stored weights are those that have looked ahead; in terms of them the method is "
        "theta - lr (g + mu v).",
    ),
    FalseAlarm(
        "fa-torchoptim57",
        "https://github.com/torch/optim/pull/57",
        "x:add(-lr, d) adds -lr and d instead of multiplying them.",
        "With two arguments it adds their product: x + (-lr) d.",
    ),
    FalseAlarm(
        "fa-logsoftmax-coteaching4",
        "https://github.com/bhanML/Co-teaching/issues/4",
        "The log-softmax is applied twice.",
        "It leaves unchanged what is a log-softmax already, for the exponentials sum to 1; a "
        "softmax twice would be a mistake.",
    ),
    FalseAlarm(
        "fa-zeroinit-nanmnist2",
        "https://github.com/wagonhelm/NaNmnist/issues/2",
        "Weights that start at 0 never learn.",
        "That holds for hidden layers, whose units stay alike; without one, each output has a "
        "gradient of its own from the first step.",
    ),
    FalseAlarm(
        "fa-fastbook515",
        "https://github.com/fastai/fastbook/pull/515",
        "where(y == 1, p, 1 - p) is the wrong way round.",
        "Its negative logarithm is the binary cross-entropy; the other way round belongs to a "
        "loss without a logarithm.",
    ),
    FalseAlarm(
        "fa-convnetjs17",
        "https://github.com/karpathy/convnetjs/issues/17",
        "The gradient is zeroed in every backward pass, so batches have no effect.",
        "What is zeroed is the gradient of the layer's inputs; those of the weights add up until "
        "the trainer has taken its step.",
    ),
    FalseAlarm(
        "fa-torch7-232",
        "https://github.com/torch/torch7/issues/232",
        "The sigmoid's backward pass does not return the derivative.",
        "It returns the derivative times the gradient that it is given, which the reporter had "
        "set to the sigmoid itself.",
    ),
    FalseAlarm(
        "fa-rashid77",
        "https://github.com/makeyourownneuralnetwork/makeyourownneuralnetwork/issues/77",
        "The derivative of (t - o)^2 needs a factor o, and the transposes are unnecessary.",
        "The derivative is -2 (t - o), and the transposes lead each error back along the weights "
        "by which its unit was reached.",
    ),
)
