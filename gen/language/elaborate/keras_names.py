"""What Keras has under a name, so that gen never calls such a name unknown, nor takes it for a misspelling.

The names of Keras 3.15, and those of the layers that Keras 2 and 1 had.
"""

from __future__ import annotations

_NAMES = """
layers: AbstractRNNCell Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D
AdaptiveAveragePooling3D AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D Add AdditiveAttention
AlphaDropout Attention AugMix AutoContrast Average AveragePooling1D AveragePooling2D AveragePooling3D AvgPool1D
AvgPool2D AvgPool3D BatchNormalization BatchNormalizationV1 Bidirectional CategoryEncoding CenterCrop Concatenate
ContrastLimitedAdaptiveHistogramEqualization Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose
ConvLSTM1D ConvLSTM2D ConvLSTM3D Convolution1D Convolution1DTranspose Convolution2D Convolution2DTranspose
Convolution3D Convolution3DTranspose Cropping1D Cropping2D Cropping3D CuDNNGRU CuDNNLSTM CutMix Dense DenseFeatures
DepthwiseConv1D DepthwiseConv2D Discretization Dot Dropout ELU EinsumDense Embedding Equalization Flatten FlaxLayer
GRU GRUCell GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D
GlobalAvgPool1D GlobalAvgPool2D GlobalAvgPool3D GlobalMaxPool1D GlobalMaxPool2D GlobalMaxPool3D GlobalMaxPooling1D
GlobalMaxPooling2D GlobalMaxPooling3D GroupNormalization GroupQueryAttention HashedCrossing Hashing Highway Identity
Input InputLayer InputSpec IntegerLookup JaxLayer LSTM LSTMCell Lambda Layer LayerNormalization LeakyReLU
LocallyConnected1D LocallyConnected2D Masking MaxNumBoundingBoxes MaxPool1D MaxPool2D MaxPool3D MaxPooling1D
MaxPooling2D MaxPooling3D Maximum MaxoutDense MelSpectrogram Merge merge Minimum MixUp MultiHeadAttention Multiply
Normalization PReLU Permute Pipeline RMSNormalization RNN RandAugment RandomBrightness RandomColorDegeneration
RandomColorJitter RandomContrast RandomCrop RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur
RandomGrayscale RandomHue RandomInvert RandomPerspective RandomPosterization RandomRotation RandomSaturation
RandomSharpness RandomShear RandomTranslation RandomZoom ReLU RepeatVector Rescaling Reshape Resizing
ReversibleEmbedding STFTSpectrogram SeparableConv1D SeparableConv2D SeparableConvolution1D SeparableConvolution2D
SimpleRNN SimpleRNNCell Softmax Solarization SpatialDropout1D SpatialDropout2D SpatialDropout3D SpectralNormalization
StackedRNNCells StringLookup Subtract TFSMLayer TextVectorization ThresholdedReLU TimeDistributed TimeDistributedDense
TorchModuleWrapper UnitNormalization UpSampling1D UpSampling2D UpSampling3D Wrapper ZeroPadding1D ZeroPadding2D
ZeroPadding3D add average concatenate dot experimental maximum minimum multiply subtract
activations: celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu linear
log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus
sparse_sigmoid sparsemax squareplus swish tanh tanh_shrink threshold
losses: BinaryCrossentropy BinaryFocalCrossentropy CTC CategoricalCrossentropy CategoricalFocalCrossentropy
CategoricalGeneralizedCrossEntropy CategoricalHinge Circle CosineSimilarity Dice Hinge Huber KLDivergence LogCosh Loss
MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError Poisson
SparseCategoricalCrossentropy SquaredHinge Tversky binary_crossentropy binary_focal_crossentropy
categorical_crossentropy categorical_focal_crossentropy categorical_generalized_cross_entropy categorical_hinge circle
cosine_similarity ctc dice hinge huber kl_divergence log_cosh mean_absolute_error mean_absolute_percentage_error
mean_squared_error mean_squared_logarithmic_error poisson sparse_categorical_crossentropy squared_hinge tversky
metrics: AUC Accuracy BinaryAccuracy BinaryCrossentropy BinaryIoU CategoricalAccuracy CategoricalCrossentropy
CategoricalHinge ConcordanceCorrelation CosineSimilarity F1Score FBetaScore FalseNegatives FalsePositives Hinge IoU
KLDivergence LogCoshError Mean MeanAbsoluteError MeanAbsolutePercentageError MeanIoU MeanMetricWrapper
MeanSquaredError MeanSquaredLogarithmicError Metric OneHotIoU OneHotMeanIoU PearsonCorrelation Poisson Precision
PrecisionAtRecall R2Score Recall RecallAtPrecision RootMeanSquaredError SensitivityAtSpecificity
SparseCategoricalAccuracy SparseCategoricalCrossentropy SparseTopKCategoricalAccuracy SpecificityAtSensitivity
SquaredHinge Sum TopKCategoricalAccuracy TrueNegatives TruePositives binary_accuracy binary_crossentropy
binary_focal_crossentropy categorical_accuracy categorical_crossentropy categorical_focal_crossentropy
categorical_hinge concordance_correlation hinge huber kl_divergence log_cosh mean_absolute_error
mean_absolute_percentage_error mean_squared_error mean_squared_logarithmic_error pearson_correlation poisson
sparse_categorical_accuracy sparse_categorical_crossentropy sparse_top_k_categorical_accuracy squared_hinge
top_k_categorical_accuracy
optimizers: Adadelta Adafactor Adagrad Adam AdamW Adamax Ftrl Lamb Lion LossScaleOptimizer MultiOptimizer Muon Nadam
Optimizer OptimizerMap RMSprop SGD ScheduleFreeAdamW
initializers: Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity IdentityInitializer Initializer
LecunNormal LecunUniform Ones Orthogonal OrthogonalInitializer RandomNormal RandomUniform STFT STFTInitializer
TruncatedNormal VarianceScaling Zeros constant glorot_normal glorot_uniform he_normal he_uniform identity lecun_normal
lecun_uniform ones orthogonal random_normal random_uniform stft truncated_normal variance_scaling zeros
regularizers: L1 L1L2 L2 OrthogonalRegularizer Regularizer l1 l1_l2 l2 orthogonal_regularizer
schedules: CosineDecay CosineDecayRestarts ExponentialDecay InverseTimeDecay LearningRateSchedule
PiecewiseConstantDecay PolynomialDecay
constraints: Constraint MaxNorm MinMaxNorm NonNeg UnitNorm max_norm min_max_norm non_neg unit_norm
callbacks: BackupAndRestore CSVLogger Callback CallbackList EarlyStopping History LambdaCallback LearningRateScheduler
ModelCheckpoint OrbaxCheckpoint ProgbarLogger ReduceLROnPlateau RemoteMonitor SwapEMAWeights TensorBoard
TerminateOnNaN
"""


def _read(text: str) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    module = ""
    for word in text.split():
        if word.endswith(":"):
            module, found[word[:-1]] = word[:-1], frozenset()
        else:
            found[module] |= {word}
    return found


KERAS = _read(_NAMES)
"""The names of each module of Keras that has components."""

AROUND = frozenset(
    [
        "argparse",
        "cifar10",
        "cifar100",
        "clone_model",
        "collections",
        "confusion_matrix",
        "copy",
        "csv",
        "cv2",
        "datasets",
        "datetime",
        "fashion_mnist",
        "functools",
        "gc",
        "get_ipython",
        "glob",
        "h5py",
        "image",
        "imdb",
        "io",
        "itertools",
        "joblib",
        "json",
        "load_img",
        "load_model",
        "logging",
        "minmax_scale",
        "mnist",
        "model_from_json",
        "numpy_utils",
        "openml",
        "os",
        "pad_sequences",
        "path",
        "pathlib",
        "pd",
        "pickle",
        "plot_model",
        "plt",
        "pprint",
        "preprocessing",
        "random",
        "re",
        "reuters",
        "save_model",
        "scipy",
        "sequence",
        "shuffle",
        "shutil",
        "skimage",
        "sklearn",
        "sns",
        "string",
        "subprocess",
        "sys",
        "text",
        "time",
        "timeit",
        "to_categorical",
        "tokenizer",
        "torch",
        "tqdm",
        "train_test_split",
        "urllib",
        "warnings",
        "wandb",
        "ImageDataGenerator",
        "Image",
        "LabelBinarizer",
        "LabelEncoder",
        "MinMaxScaler",
        "OneHotEncoder",
        "Path",
        "StandardScaler",
        "Tokenizer",
    ]
)
"""Modules, and what is imported from them, that scripts around a model are full of; all else is a misspelling."""
MODULES = frozenset(
    [
        "Input",
        "Layer",
        "Model",
        "Sequential",
        "activations",
        "api",
        "applications",
        "backend",
        "callbacks",
        "config",
        "constraints",
        "datasets",
        "distribution",
        "dtype_policies",
        "engine",
        "estimator",
        "experimental",
        "export",
        "initializations",
        "initializers",
        "layers",
        "legacy",
        "losses",
        "metrics",
        "mixed_precision",
        "models",
        "objectives",
        "ops",
        "optimizers",
        "preprocessing",
        "quantizers",
        "random",
        "regularizers",
        "saving",
        "src",
        "tree",
        "utils",
        "version",
        "visualization",
        "wrappers",
    ]
)
"""What `keras` has, and had."""
PLAIN_MODULES = {"np": "numpy", "numpy": "numpy", "math": "math"}
"""The modules of plain values, as people call them."""


def in_keras(name: str) -> bool:
    """Whether any of these modules has the name."""
    return any(name in names for names in KERAS.values())


def kind_in_keras(kind: str, name: str) -> bool:
    """Whether Keras has a component of a kind under a name, whatever its case: `nadam`, `Nadam`."""
    module = "losses" if kind == "loss" else f"{kind}s"
    return any(_plain(name) == _plain(each) for each in KERAS.get(module, ()))


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


_AUGMENTATION = "augmentation belongs to the program that trains"
_REMOVE = "the line can go: change the images before `fit`, or in the program that makes its batches"


def said_of(path: str) -> tuple[str, str | None]:
    """What to say of something of Keras that gen does not have: the reason, if there is one, and what to do instead."""
    name = path.partition("(")[0].rpartition(".")[2]
    if (name.startswith("Random") and name in KERAS["layers"]) or name in _CHANGES_IMAGES:
        return _AUGMENTATION, _REMOVE
    return "", next((hint for each, hint in INSTEAD.items() if _plain(each) == _plain(name)), None)


_CHANGES_IMAGES = ("AugMix", "AutoContrast", "CutMix", "Equalization", "MixUp", "RandAugment", "Solarization")
INSTEAD = {
    "TextVectorization": "make ids of the text before it comes to the model, and begin with `Embedding`",
    "StringLookup": "make ids of the strings before they come to the model",
    "IntegerLookup": "make ids from 0 on before they come to the model",
    "Hashing": "hash the values before they come to the model",
    "ThresholdedReLU": "`ReLU(threshold=theta)` does the same",
    **dict.fromkeys(
        ("Adafactor", "Lamb", "Muon", "ScheduleFreeAdamW"),
        "the optimizers are adadelta, adagrad, adam, adamax, adamw, ftrl, lion, nadam, rmsprop and sgd",
    ),
    "LossScaleOptimizer": "write the optimizer inside of it: float32 needs no scaling of the loss",
    "MultiOptimizer": "write one optimizer for all weights",
    "Merge": "call `add([a, b])`, `concatenate([a, b])` or their like on tensors",
}
"""What does the same, for what gen does not have."""
