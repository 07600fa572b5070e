"""Where people published the mistakes of the catalogue, and what else they published.

A row is a report: a name of our own, and its address.
"""

from collections.abc import Mapping
from typing import TypeAlias

Reports: TypeAlias = Mapping[str, str]

# The reports of each entry, by its id.
PUBLISHED: Mapping[str, Reports] = {
    "hidden-derivative-missing": {
        "hidden-delta-grokking50": "https://github.com/iamtrask/Grokking-Deep-Learning/issues/50",
    },
    "sigmoid-derivative-everywhere": {
        "hardcoded-derivative-ttezel": "https://github.com/ttezel/nn/issues/8",
    },
    "derivative-at-a": {
        "double-tanh-neural2d40": "https://github.com/davidrmiller/neural2d/issues/40",
        "double-activation-skynet": "https://github.com/liashchynskyi/skynet/pull/1",
    },
    "derivative-of-the-layer-above": {
        "wrong-layer-activation-unda": "https://github.com/unda-ml/unda/issues/1",
    },
    "derivative-at-z-above": {
        "tanh-z2-dennybritz3": "https://github.com/dennybritz/nn-from-scratch/pull/3",
    },
    "dW-transposed": {
        "outer-transposed-grokking22": "https://github.com/iamtrask/Grokking-Deep-Learning/pull/22",
    },
    "dW-from-own-a": {
        "own-output-in-dW-filipe": "https://github.com/filipecalasans/mlp/commit/5198bbb",
    },
    "dW-from-x": {
        "dW-uses-layer0-ralampay22": "https://github.com/ralampay/ann/pull/22",
    },
    "updated-weights": {
        "updated-w-joelgrus31": "https://github.com/joelgrus/data-science-from-scratch/issues/31",
        "updated-w-botacademy": "https://github.com/Bot-Academy/NeuralNetworkFromScratch/pull/3",
        "updated-w-codingtrain72": "https://github.com/CodingTrain/Toy-Neural-Network-JS/issues/72",
        "shallow-copy-botacademy": (
            "https://github.com/Bot-Academy/NeuralNetworkFromScratch/commit/14a6fcf"
        ),
    },
    "db-summed-over-all": {
        "bias-sum-all-botacademy": (
            "https://github.com/Bot-Academy/NeuralNetworkFromScratch/commit/14a6fcf"
        ),
        "bias-scalar-sum-rasbt5": "https://github.com/rasbt/stat453-deep-learning-ss21/issues/5",
    },
    "step-uphill": {
        "sign-tutorial-pytorch1871": "https://github.com/pytorch/pytorch/issues/1871",
    },
    "output-delta-negated": {
        "sign-nll-gradient-cs231n": "https://github.com/cs231n/cs231n.github.io/commit/a982d7f",
        "sign-delta3-dennybritz11": "https://github.com/dennybritz/nn-from-scratch/issues/11",
    },
    "bias-never-updated": {
        "bias-never-mattm5": "https://github.com/mattm/simple-neural-network/issues/5",
        "bias-lr-matconvnet197": "https://github.com/vlfeat/matconvnet/issues/197",
    },
    "db-zero": {
        "bias-rbm-openann76": "https://github.com/OpenANN/OpenANN/issues/76",
    },
    "db-from-dW": {
        "bias-from-dW-rowsum-dlnlp64": (
            "https://github.com/rust0258/Deeplearning.ai-Natural-Language-Processing-"
            "Specialization/issues/64"
        ),
    },
    "db-not-summed": {
        "bias-no-batch-sum-mlpack3679": "https://github.com/mlpack/mlpack/pull/3679",
        "bias-rebind-jimfleming1": "https://github.com/jimfleming/differentiation/issues/1",
        "bias-broadcast-nd4j2424": "https://github.com/deeplearning4j/nd4j/issues/2424",
    },
    "loss-averaged-twice": {
        "batch-div-twice-graphsage12": "https://github.com/williamleif/GraphSAGE/issues/12",
        "batch-div-twice-coiltraine37": "https://github.com/felipecode/coiltraine/issues/37",
    },
    "db-averaged": {
        "bias-div-twice-dl4j366": "https://github.com/deeplearning4j/deeplearning4j/pull/366",
    },
    "divided-by-inputs": {
        "slices-vs-size-dl4j1452": "https://github.com/deeplearning4j/deeplearning4j/pull/1452",
    },
    "not-averaged-at-all": {
        "mae-n-simd57e94ab": "https://github.com/oysteijo/simd_neuralnet/commit/57e94ab",
    },
    "averaged-over-samples-only": {
        "regressor-outputs-sklearn8349": "https://github.com/scikit-learn/scikit-learn/issues/8349",
    },
    "not-averaged": {
        "no-average-hunkim173": "https://github.com/hunkim/DeepLearningZeroToAll/issues/173",
    },
    "shards-averaged-without-sizes": {
        "ddp-sizes-pytorch67253": "https://github.com/pytorch/pytorch/issues/67253",
    },
    "shards-averaged-without-sizes-in-the-cost-too": {
        "accumulated-means-mlx1413": "https://github.com/ml-explore/mlx-lm/pull/1413",
        "accumulated-means-transformers24725": (
            "https://github.com/huggingface/transformers/issues/24725"
        ),
    },
    "loss-summed": {
        "sum-loss-jax3113": "https://github.com/jax-ml/jax/pull/3113",
    },
    "averaged-again-below": {
        "one-over-m-twice-dlai63071": (
            "https://community.deeplearning.ai/t/course-1-week-3-planar-assignment-4-5-exercise-6-"
            "backward-propagation-error-for-dw1-values/63071"
        ),
    },
    "half-the-gradient": {
        "half-dlib1169": "https://github.com/davisking/dlib/issues/1169",
    },
    "softmax-diagonal-only": {
        "jacobian-diag-libnd4j440": "https://github.com/deeplearning4j/libnd4j/issues/440",
        "jacobian-diag-seblague5": "https://github.com/SebLague/Neural-Network-Experiments/pull/5",
        "softmax-sigmoid-deriv-jorgenkg6": (
            "https://github.com/jorgenkg/python-neural-network/pull/6"
        ),
    },
    "softmax-one-minus": {
        "softmax-1-minus-neuroph37": "https://github.com/neuroph/neuroph/issues/37",
    },
    "softmax-jacobian-overwritten": {
        "jacobian-overwritten-so40575841": "https://stackoverflow.com/q/40575841",
    },
    "softmax-of-the-gradient": {
        "softmax-of-gradient-so58461808": "https://stackoverflow.com/q/58461808",
    },
    "softmax-over-all": {
        "softmax-all-elements-nd4j44": "https://github.com/deeplearning4j/nd4j/issues/44",
        "softmax-all-utensor171": "https://github.com/uTensor/uTensor/pull/171",
    },
    "softmax-over-batch": {
        "softmax-builtin-sum-so76473561": "https://stackoverflow.com/a/76473561",
    },
    "softmax-overflow": {
        "softmax-overflow-simd-c18e9a9": (
            "https://github.com/oysteijo/simd_neuralnet/commit/c18e9a9"
        ),
    },
    "output-derivative-missing": {
        "fused-derivative-aprilann5": "https://github.com/april-org/april-ann/issues/5",
    },
    "log-of-zero": {
        "log0-tinydnn410": "https://github.com/tiny-dnn/tiny-dnn/issues/410",
    },
    "error-clipped": {
        "clip-kills-gradient-dqn46": "https://github.com/spragunr/deep_q_rl/issues/46",
    },
    "softmax-twice": {
        "softmax-twice-2": "https://github.com/jaehong31/CGES/issues/1",
    },
    "softmax-before-the-loss": {
        "softmax-twice-3": (
            "https://github.com/jindongwang/Deep-learning-activity-recognition/issues/10"
        ),
    },
    "gradients-not-reset": {
        "grad-not-zeroed-simd-099a3c0": "https://github.com/oysteijo/simd_neuralnet/commit/099a3c0",
        "zero-grad-tennis7": "https://github.com/yastrebksv/TennisCourtDetector/issues/7",
        "zero-grad-torchforge71": "https://github.com/meta-pytorch/torchforge/pull/71",
    },
    "gradients-not-reset-and-fed-back": {
        "dw-plus-lr-codeproject": (
            "https://www.codeproject.com/Questions/1097336/MLP-XOR-backpropagation"
        ),
    },
    "weights-never-updated": {
        "optimizer-on-copy-nntrainer242": "https://github.com/nntrainer/nntrainer/pull/242",
    },
    "momentum-without-effect": {
        "deepcopy-drmad6": "https://github.com/nicholas-leonard/drmad/issues/6",
    },
    "relu-derivative-always-1": {
        "relu-ge-grokking13": "https://github.com/iamtrask/Grokking-Deep-Learning/pull/13",
    },
    "relu-mask-inverted": {
        "relu-mask-inverted-simd76ae42b": (
            "https://github.com/oysteijo/simd_neuralnet/commit/76ae42b"
        ),
    },
    "relu-mask-on-gradient": {
        "relu-mask-on-gradient-dlbook127": (
            "https://github.com/exacity/deeplearningbook-chinese/issues/127"
        ),
    },
    "leaky-slope-for-gradient": {
        "leaky-constant-zig5": "https://github.com/SilasMarvin/dnns-from-scratch-in-zig/issues/5",
    },
    "leaky-default-slope": {
        "leaky-alpha-dl4j8178": "https://github.com/deeplearning4j/deeplearning4j/issues/8178",
    },
    "leaky-forward-is-relu": {
        "leaky-forward-tflearn784": "https://github.com/tflearn/tflearn/pull/784",
    },
    "tanh-derivative-is-tanh": {
        "tanh-d-andersbll4": "https://github.com/andersbll/nnet/issues/4",
    },
    "tanh-of-half": {
        "tanh-half-hips317": "https://github.com/HIPS/autograd/issues/317",
    },
    "weights-truncated": {
        "int-weights-tdlearn": "https://github.com/chrodan/tdlearn/pull/1",
    },
    "decay-subtracted": {
        "l2-sign-andersbll4": "https://github.com/andersbll/nnet/issues/4",
    },
    "decay-constant-on-b": {
        "l2-ones-column-jwarmenhoven3": (
            "https://github.com/JWarmenhoven/Coursera-Machine-Learning/issues/3"
        ),
    },
    "decay-not-on-b": {
        "l2-bias-forgotten-burton9": "https://github.com/Burton2000/CS231n-2017/issues/9",
    },
    "decay-halved": {
        "l2-factor2-jingting3": "https://github.com/jingtinghuang/CS231n-Spring-2017/issues/3",
    },
    "decay-ignored": {
        "l2-ignored-adam-paddle5836": "https://github.com/PaddlePaddle/Paddle/issues/5836",
    },
    "momentum-old-velocity-damped-twice": {
        "momentum-stale-mdenil4": "https://github.com/mdenil/dropout/issues/4",
    },
    "momentum-first-step-without-lr": {
        "momentum-init-matrixslow17": "https://github.com/zc911/MatrixSlow/pull/17",
    },
    "momentum-on-weights": {
        "momentum-on-weights-ralampay": "https://github.com/ralampay/ann/issues/21",
    },
    "nesterov-look-ahead-kept": {
        "nesterov-twice-simd17": "https://github.com/oysteijo/simd_neuralnet/issues/17",
    },
    "nesterov-sign": {
        "nesterov-sign-paddle12231": "https://github.com/PaddlePaddle/Paddle/pull/12231",
    },
    "adam-without-correction": {
        "adam-missing-micrograd2e": "https://github.com/EurekaLabsAI/micrograd/pull/2",
    },
    "adam-t-one-ahead": {
        "adam-t1-cs231n179": "https://github.com/cs231n/cs231n.github.io/issues/179",
    },
    "adam-rate-recursive": {
        "adam-recursive-eta-pennylane1929": "https://github.com/PennyLaneAI/pennylane/pull/1929",
    },
    "adam-betas-complemented": {
        "adam-beta-inverted-blocks1159": "https://github.com/mila-iqia/blocks/issues/1159",
    },
    "adam-betas-complemented-in-averages": {
        "adam-beta-inconsistent-skip82": "https://github.com/ryankiros/skip-thoughts/issues/82",
    },
    "adam-t-from-zero": {
        "adam-t0-burn630": "https://github.com/tracel-ai/burn/pull/630",
    },
    "adam-epsilon-hat": {
        "adam-eps-scaled-pytorch22628": "https://github.com/pytorch/pytorch/pull/22628",
    },
    "adam-lr-cancels": {
        "adam-lr-cancels-unda": "https://github.com/unda-ml/unda/commit/db6fa39",
    },
    "adam-correction-squared": {
        "adam-doc-npfl114": "https://github.com/ufal/npfl114/pull/79",
    },
    "rmsprop-undamped-average": {
        "rmsprop-avg-devinterview1": (
            "https://github.com/Devinterview-io/gradient-descent-interview-questions/issues/1"
        ),
    },
    "decay-coupled": {
        "adamw-basicmodel2": "https://github.com/anhquan0412/basic_model_scratch/issues/2",
    },
    "lr-not-a-number": {
        "lr-undefined-shiffman12": "https://github.com/shiffman/Neural-Network-p5/pull/12",
    },
    "targets-broadcast": {
        "broadcast-tchrs510": "https://github.com/LaurentMazare/tch-rs/issues/510",
    },
    "dW-scaled": {
        "gradcheck-partial-bighuang10": (
            "https://github.com/bighuang624/Andrew-Ng-Deep-Learning-notes/issues/10"
        ),
    },
    "db-scaled": {
        "gradcheck-partial-bighuang10": (
            "https://github.com/bighuang624/Andrew-Ng-Deep-Learning-notes/issues/10"
        ),
    },
    "tanh-upside-down": {
        "tanh-upside-down-fastbook273": "https://github.com/fastai/fastbook/issues/273",
    },
}

# The reports of what is not in the catalogue, by the reason.
OUT: Mapping[str, Reports] = {
    "no formula published": {
        "logsoftmax-mlpack3469": "https://github.com/mlpack/mlpack/pull/3469",
    },
    "the order in which a graph library visits its nodes; a chain of layers has no node with "
    "two consumers": {
        "multi-path-ctensor5": "https://github.com/sebgao/cTensor/issues/5",
    },
    "no formula published: what the shared array held depends on the order of the calls": {
        "shared-delta-array-libbrain80": "https://github.com/benoitfragit/libBrain/issues/80",
    },
    "softplus, which refnet does not have": {
        "softplus-simd0655658": "https://github.com/oysteijo/simd_neuralnet/commit/0655658",
    },
    "an exception, not wrong numbers": {
        "int-grad-autograd3": "https://github.com/eduardoleao052/Autograd-from-scratch/issues/3",
    },
    "decay of the biases too, which is PyTorch's convention and ours": {
        "l2-on-bias-dlt32": "https://github.com/rasmusbergpalm/DeepLearnToolbox/issues/32",
    },
    "L1 penalty, which refnet does not have": {
        "l1l2-elseif-dl4j327": "https://github.com/deeplearning4j/deeplearning4j/issues/327",
        "l1-no-abs-filipe": "https://github.com/filipecalasans/mlp/commit/7457f0f",
    },
    "the value of a penalty in the loss, which refnet does not report": {
        "l2-norm-not-squared-numpyml53": "https://github.com/ddbourgin/numpy-ml/issues/53",
    },
    "a step count for each of several processes": {
        "adam-t-not-shared-a3c12": "https://github.com/ikostrikov/pytorch-a3c/issues/12",
    },
    "a learning-rate schedule: the step takes the rate that it is given": {
        "lr-resets-each-epoch-handson192": "https://github.com/ageron/handson-ml3/pull/192",
        "lr-milestone-early-timm2753": (
            "https://github.com/huggingface/pytorch-image-models/pull/2753"
        ),
        "lr-get-lr-pytorch22107": "https://github.com/pytorch/pytorch/issues/22107",
        "lr-compounded-dl4j3678": "https://github.com/deeplearning4j/deeplearning4j/issues/3678",
        "lr-unreachable-mangye7": (
            "https://github.com/mangye16/Unsupervised_Embedding_Learning/issues/7"
        ),
    },
    "dropout": {
        "dropout-mask-numpyml94": "https://github.com/ddbourgin/numpy-ml/issues/94",
        "dropout-mask-inferred-kaldi3890": "https://github.com/kaldi-asr/kaldi/issues/3890",
    },
    "batch normalisation": {
        "bn-extra-term-mxnet1053": "https://github.com/apache/mxnet/issues/1053",
    },
    "an initialiser": {
        "init-xavier-parens-mlverse555": "https://github.com/mlverse/torch/issues/555",
    },
    "a gradient checker, not a gradient": {
        "gradcheck-onesided-mxnet3693": "https://github.com/apache/mxnet/issues/3693",
        "gradcheck-float32-paddle4283": "https://github.com/PaddlePaddle/Paddle/issues/4283",
        "gradcheck-tol-paddle4054": "https://github.com/PaddlePaddle/Paddle/issues/4054",
        "gradcheck-uniform-mnemosyne1987": (
            "https://github.com/HomericIntelligence/Mnemosyne/pull/1987"
        ),
        "gradcheck-at-optimum-pybnf535": "https://github.com/lanl/PyBNF/issues/535",
    },
    "no formula published: the coefficients of the polynomial are not given": {
        "tanh-bw-poly-ttmetal55349": "https://github.com/tenstorrent/tt-metal/issues/55349",
    },
}
