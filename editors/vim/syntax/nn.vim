" Syntax of .nn files: neural networks for the compiler gen.
" The words of components and the reserved ones are written by editors/generate.py.

if exists('b:current_syntax')
  finish
endif

syntax keyword nnStatement return pass break continue del assert raise with lambda
syntax keyword nnConditional if elif else
syntax keyword nnRepeat for while in
syntax keyword nnException try except finally
syntax keyword nnLogical and or not is
syntax keyword nnInclude import from as
syntax keyword nnConstant True False None
syntax keyword nnDefine def class nextgroup=nnFunction skipwhite

syntax keyword nnReserved async await global nonlocal yield
syntax keyword nnModel Input Model Sequential
syntax keyword nnLayer Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D Add AdditiveAttention AlphaDropout Attention Average AveragePooling1D AveragePooling2D AveragePooling3D AvgPool1D AvgPool2D AvgPool3D BatchNormalization CategoryEncoding CenterCrop Concatenate Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose Cropping1D Cropping2D Cropping3D Dense DepthwiseConv1D DepthwiseConv2D Discretization Dot Dropout ELU EinsumDense Embedding Flatten GRU GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalAvgPool1D GlobalAvgPool2D GlobalAvgPool3D GlobalMaxPool1D GlobalMaxPool2D GlobalMaxPool3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D GroupNormalization Identity LSTM LayerNormalization LeakyReLU Masking MaxPool1D MaxPool2D MaxPool3D MaxPooling1D MaxPooling2D MaxPooling3D Maximum Minimum MultiHeadAttention Multiply Normalization PReLU Permute RMSNormalization RandomBrightness RandomContrast RandomFlip RandomRotation RandomTranslation RandomZoom ReLU RepeatVector Rescaling Reshape Resizing SeparableConv1D SeparableConv2D SimpleRNN Softmax SpatialDropout1D SpatialDropout2D SpatialDropout3D Subtract UnitNormalization UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D ZeroPadding3D
syntax keyword nnActivation Celu Elu Exponential Gelu HardShrink HardSigmoid HardSilu HardTanh LeakyRelu Linear LogSigmoid LogSoftmax Mish Relu Relu6 Selu Sigmoid Silu SoftShrink Softplus Softsign SparsePlus SparseSigmoid Sparsemax Squareplus Tanh TanhShrink Threshold celu elu exponential gelu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu linear log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus sparse_sigmoid sparsemax squareplus swish tanh tanh_shrink threshold
syntax keyword nnLoss BCE BinaryCrossentropy BinaryFocalCrossentropy CategoricalCrossentropy CategoricalFocalCrossentropy CategoricalGeneralizedCrossEntropy CategoricalHinge CosineSimilarity Dice Hinge Huber KLD KLDivergence LogCosh MAE MAPE MSE MSLE MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError Poisson SparseCategoricalCrossentropy SquaredHinge Tversky bce binary_crossentropy binary_focal_crossentropy categorical_crossentropy categorical_focal_crossentropy categorical_generalized_cross_entropy categorical_hinge cosine_similarity dice hinge huber kl_divergence kld kullback_leibler_divergence log_cosh logcosh mae mape mean_absolute_error mean_absolute_percentage_error mean_squared_error mean_squared_logarithmic_error mse msle poisson sparse_categorical_crossentropy squared_hinge tversky
syntax keyword nnMetric AUC Accuracy BinaryAccuracy BinaryIoU CategoricalAccuracy ConcordanceCorrelation F1Score FBetaScore FalseNegatives FalsePositives IoU LogCoshError MeanIoU OneHotIoU OneHotMeanIoU PearsonCorrelation Precision PrecisionAtRecall R2Score Recall RecallAtPrecision RootMeanSquaredError SensitivityAtSpecificity SparseCategoricalAccuracy SparseTopKCategoricalAccuracy SpecificityAtSensitivity TopKCategoricalAccuracy TrueNegatives TruePositives acc accuracy auc binary_accuracy binary_io_u categorical_accuracy concordance_correlation f1_score f_beta_score false_negatives false_positives io_u log_cosh_error mean_io_u one_hot_io_u one_hot_mean_io_u pearson_correlation precision precision_at_recall r2_score recall recall_at_precision rmse root_mean_squared_error sensitivity_at_specificity sparse_categorical_accuracy sparse_top_k_categorical_accuracy specificity_at_sensitivity top_k_categorical_accuracy true_negatives true_positives
syntax keyword nnOptimizer Adadelta Adagrad Adam AdamW Adamax Ftrl Lion Nadam RMSprop SGD adadelta adagrad adam adam_w adamax adamw ftrl lion nadam rm_sprop rmsprop sgd
syntax keyword nnInitializer Constant GlorotNormal GlorotUniform HeNormal HeUniform IdentityInitializer LecunNormal LecunUniform Ones Orthogonal OrthogonalInitializer RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros constant glorot_normal glorot_uniform he_normal he_uniform identity lecun_normal lecun_uniform normal one ones orthogonal random_normal random_uniform truncated_normal uniform variance_scaling zero zeros
syntax keyword nnSchedule CosineDecay CosineDecayRestarts ExponentialDecay InverseTimeDecay PiecewiseConstantDecay PolynomialDecay
syntax keyword nnRegularizer L1 L1L2 L2 OrthogonalRegularizer l1 l1_l2 l1l2 l2 orthogonal_regularizer
syntax keyword nnConstraint MaxNorm MinMaxNorm NonNeg UnitNorm max_norm min_max_norm non_neg unit_norm

syntax match nnFunction "\<\h\w*" contained
syntax match nnMethod "\.\s*\zs\%(add\|compile\|fit\|summary\)\ze\s*("
syntax match nnOperator "[-+*/%@=<>&|^~]\|!="
syntax match nnDecorator "^\s*@\h\%(\w\|\.\)*"
syntax match nnNumber "\%(\w\|\.\)\@1<!\%(0[xX][0-9A-Fa-f_]\+\|0[oO][0-7_]\+\|0[bB][01_]\+\)\>"
syntax match nnNumber "\%(\w\|\.\)\@1<!\%(\d[0-9_]*\.\=[0-9_]*\|\.\d[0-9_]*\)\%([eE][-+]\=[0-9_]\+\)\=\w\@!"

syntax region nnArguments start="(" end=")" transparent contains=ALLBUT,nnFunction,nnEscape,nnTodo,nnDocumentation
syntax match nnArgument "\<\h\w*\ze\s*==\@!" contained

syntax match nnEscape "\\\%([\\'"abfnrtv]\|\o\{1,3}\|x\x\{2}\|u\x\{4}\|U\x\{8}\|N{[^}]\+}\|$\)" contained
syntax region nnString start=+\%(\<[rRuU]\)\="+ skip=+\\.+ end=+"\|$+ contains=nnEscape
syntax region nnString start=+\%(\<[rRuU]\)\='+ skip=+\\.+ end=+'\|$+ contains=nnEscape
syntax region nnString start=+\%(\<[rRuU]\)\="""+ skip=+\\.+ end=+"""+ contains=nnEscape keepend
syntax region nnString start=+\%(\<[rRuU]\)\='''+ skip=+\\.+ end=+'''+ contains=nnEscape keepend
syntax region nnString start=+\<\%([fF][rR]\=\|[rR][fF]\)"+ skip=+\\.+ end=+"\|$+ contains=nnEscape,nnField
syntax region nnString start=+\<\%([fF][rR]\=\|[rR][fF]\)'+ skip=+\\.+ end=+'\|$+ contains=nnEscape,nnField
syntax region nnString start=+\<\%([fF][rR]\=\|[rR][fF]\)"""+ skip=+\\.+ end=+"""+ contains=nnEscape,nnField keepend
syntax region nnString start=+\<\%([fF][rR]\=\|[rR][fF]\)'''+ skip=+\\.+ end=+'''+ contains=nnEscape,nnField keepend
syntax match nnEscape "{{\|}}" contained
syntax region nnField matchgroup=nnEscape start="{{\@!" end="}" contained oneline contains=ALLBUT,nnFunction,nnEscape,nnTodo,nnDocumentation,nnArgument
syntax region nnDocumentation start=+^\s*[rRuU]\="""+ skip=+\\.+ end=+"""+ contains=nnEscape,@Spell keepend
syntax region nnDocumentation start=+^\s*[rRuU]\='''+ skip=+\\.+ end=+'''+ contains=nnEscape,@Spell keepend
syntax match nnComment "#.*$" contains=nnTodo,@Spell
syntax keyword nnTodo TODO FIXME XXX contained

syntax sync minlines=200

highlight default link nnStatement Statement
highlight default link nnConditional Conditional
highlight default link nnRepeat Repeat
highlight default link nnException Exception
highlight default link nnLogical Operator
highlight default link nnInclude Include
highlight default link nnConstant Constant
highlight default link nnDefine Define
highlight default link nnReserved Error
highlight default link nnModel Structure
highlight default link nnLayer Type
highlight default link nnActivation Function
highlight default link nnLoss Function
highlight default link nnMetric Function
highlight default link nnOptimizer Function
highlight default link nnInitializer Function
highlight default link nnSchedule Function
highlight default link nnRegularizer Function
highlight default link nnConstraint Function
highlight default link nnFunction Function
highlight default link nnMethod Function
highlight default link nnOperator Operator
highlight default link nnDecorator PreProc
highlight default link nnField Special
highlight default link nnNumber Number
highlight default link nnArgument Identifier
highlight default link nnEscape SpecialChar
highlight default link nnString String
highlight default link nnDocumentation Comment
highlight default link nnComment Comment
highlight default link nnTodo Todo

let b:current_syntax = 'nn'
