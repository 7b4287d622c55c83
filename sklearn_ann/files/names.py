"""The classes and functions that a file may name: each by its full name, and nothing else is ever imported.

A list of module prefixes would not be safe: ``torch.nn.modules.module:torch.hub.load`` is a name below ``torch.nn``.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

from sklearn_ann.files.errors import ModelFileError

_CLASSES = {
    "builtins": "bool float int object str",
    "collections": "OrderedDict",
    "numpy": "bool float16 float32 float64 int8 int16 int32 int64 object_ str_ uint8 uint16 uint32 uint64",
    "sklearn_ann.attention.columns": "ColumnBody",
    "sklearn_ann.attention.estimators": "AttentionClassifier AttentionRegressor",
    "sklearn_ann.attention.masked": "MaskedSequenceModel",
    "sklearn_ann.attention.masking": "MaskedNetwork MaskedStep",
    "sklearn_ann.attention.rows": "RowBody",
    "sklearn_ann.attention.tokens": "TokenBody",
    "sklearn_ann.attention.transformer": "AttentionTransformer",
    "sklearn_ann.autoencoder.distances": "LogDistance ShrunkenCovariance",
    "sklearn_ann.autoencoder.ensemble": "AutoEncoderEnsemble",
    "sklearn_ann.autoencoder.network": "AutoEncoder Corruption",
    "sklearn_ann.autoencoder.outliers": "AutoEncoderOutlierDetector",
    "sklearn_ann.autoencoder.transformer": "AutoEncoderTransformer",
    "sklearn_ann.base.targets": "ClassTargets NumberTargets",
    "sklearn_ann.convolution.augmentation": "Augmentation Flip Mutation Noise Shift Strands",
    "sklearn_ann.convolution.detector": "PatternDetector",
    "sklearn_ann.convolution.estimators": "CNNClassifier CNNRegressor",
    "sklearn_ann.convolution.kernels": "Bank",
    "sklearn_ann.convolution.network": "ConvolutionalBody",
    "sklearn_ann.embedding.entities": "EntityEmbeddingTransformer EntityTargets",
    "sklearn_ann.embedding.network": "CategoryEmbedding EntityBody",
    "sklearn_ann.embedding.sequences": "SequenceEmbeddingTransformer",
    "sklearn_ann.embedding.skipgram": "SkipGram",
    "sklearn_ann.factorization.estimator": "TensorFactorizationRegressor",
    "sklearn_ann.factorization.network": "FactorizationBody FeaturedEmbedding HeldOutFibres LevelEmbedding",
    "sklearn_ann.factorization.step": "LevelStep",
    "sklearn_ann.factorization.targets": "NonNegativeTargets",
    "sklearn_ann.generative.adversarial": "AdversarialStep Rules",
    "sklearn_ann.generative.adversaries": (
        "Adversaries ConvolutionalBody Critic Draws Generator NormalizedBlock Skipped"
    ),
    "sklearn_ann.generative.gan": "GANSampler",
    "sklearn_ann.generative.likelihoods": (
        "Bernoulli Gaussian Likelihood Moments NegativeBinomial Poisson ZeroInflatedNegativeBinomial"
    ),
    "sklearn_ann.generative.mixed": "Mixed",
    "sklearn_ann.generative.prior": "Mixture Normal",
    "sklearn_ann.generative.network": "MeanEncoder Noise VariationalAutoEncoder",
    "sklearn_ann.generative.vae": "VAESampler",
    "sklearn_ann.graph.convolutions": "GATConvolution GCNConvolution GINConvolution GatedConvolution SAGEConvolution",
    "sklearn_ann.graph.estimators": "GCNClassifier GCNNodeClassifier GCNNodeRegressor GCNRegressor",
    "sklearn_ann.graph.network": "GraphBody GraphConvolutions NodeBody",
    "sklearn_ann.graph.transformer": "GraphConvolutionTransformer",
    "sklearn_ann.layers.attention": "EncoderBlock MultiHeadAttention PositionalEncoding ReGLU",
    "sklearn_ann.layers.columns": "ColumnVectors",
    "sklearn_ann.layers.convolution": "ConvolutionBlock ConvolutionLayer PositionBias",
    "sklearn_ann.layers.dense": "TiedLinear",
    "sklearn_ann.layers.depth": "BorrowedBody",
    "sklearn_ann.layers.head": "Ensemble MemberLinear SupervisedNetwork WithHead",
    "sklearn_ann.layers.images": "ConvolutionalDecoder ConvolutionalEncoder",
    "sklearn_ann.layers.mutation": "Mutation",
    "sklearn_ann.layers.normalization": "BatchNorm LayerNorm NoNorm",
    "sklearn_ann.layers.propagation": "Adjacency SparseMatrix",
    "sklearn_ann.layers.ragged": "Groups",
    "sklearn_ann.layers.recurrent": "Recurrent",
    "sklearn_ann.layers.steady": "Linear",
    "sklearn_ann.layers.stochastic": "Dropout",
    "sklearn_ann.layers.warmup": "WarmUp",
    "sklearn_ann.preprocessing.molecules": "MoleculeEncoder",
    "sklearn_ann.preprocessing.sequences": "SequenceEncoder",
    "sklearn_ann.model_selection.search": "StackedSearchCV",
    "sklearn_ann.reading.alphabets": "Alphabet",
    "sklearn_ann.reading.conditions": "Conditions ConditionedReader",
    "sklearn_ann.reading.foreign": "ForeignReader",
    "sklearn_ann.reading.graphs.attributes": "Attributes Named",
    "sklearn_ann.reading.graphs.container": "GraphSet",
    "sklearn_ann.reading.graphs.conversion": "Origin",
    "sklearn_ann.reading.graphs.reader": "GraphReader NodeReader",
    "sklearn_ann.reading.graphs.samples": "GraphBatch",
    "sklearn_ann.reading.graphs.whole": "GraphFeatures LearnedGraphFeatures",
    "sklearn_ann.reading.grids": "GridReader",
    "sklearn_ann.reading.letters": "LetterReader",
    "sklearn_ann.reading.level_features": "LevelFeatures",
    "sklearn_ann.reading.levels": "LevelReader",
    "sklearn_ann.reading.marginals": "Groups Marginals",
    "sklearn_ann.reading.mixed": "Block Fields MixedReader",
    "sklearn_ann.reading.numbers": "GroupedScores Modal NormalScores Standardized",
    "sklearn_ann.reading.reader": "Columns",
    "sklearn_ann.reading.rows": "RowReader StandardizedRowReader",
    "sklearn_ann.reading.scaling": "Scale",
    "sklearn_ann.reading.series": "SeriesReader",
    "sklearn_ann.reading.tables": "TableReader",
    "sklearn_ann.reading.texts": "TextReader Texts",
    "sklearn_ann.reading.tokens": "TokenReader Vocabulary",
    "sklearn_ann.recurrent.estimators": "RNNClassifier RNNRegressor",
    "sklearn_ann.recurrent.network": "RecurrentBody",
    "sklearn_ann.recurrent.targets": "StepTargets",
    "sklearn_ann.tabular.estimators": "TabularClassifier TabularRegressor",
    "sklearn_ann.tabular.network": "MembersBody",
    "sklearn_ann.training.heads": "HeadStep",
    "sklearn_ann.training.step": "Settings Step",
    "sklearn_ann.transfer.body": "PretrainedBody",
    "sklearn_ann.transfer.pretrained": "PretrainedTransformer",
    "sklearn_ann.translation.batches": "TeacherForcing",
    "sklearn_ann.translation.estimator": "SequenceTranslator",
    "sklearn_ann.translation.network": "ContextEmbedding CrossAttention EncoderDecoder Forgetting",
    "sklearn_ann.translation.recurrent": "DecoderLayer RecurrentTranslator",
    "sklearn_ann.translation.targets": "SequenceTargets SourceReader",
    "sklearn_ann.translation.transformer": "DecoderBlock Transformer",
    "torch.nn": (
        "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveMaxPool1d AdaptiveMaxPool2d AvgPool1d AvgPool2d BatchNorm1d "
        "BatchNorm2d Conv1d Conv2d ConvTranspose1d ConvTranspose2d Dropout Dropout1d Dropout2d ELU Embedding Flatten "
        "GELU GRU GroupNorm Hardsigmoid Hardswish Identity LSTM LayerNorm LeakyReLU Linear LogSoftmax MaxPool1d "
        "MaxPool2d ModuleDict ModuleList PReLU ParameterList RNN ReLU ReLU6 SiLU Sequential Sigmoid Softmax Softplus "
        "Tanh Unflatten"
    ),
    # scikit-learn, without what runs compiled code on fitted arrays that nobody checks (see `files.compiled`).
    "sklearn.calibration": "CalibratedClassifierCV _CalibratedClassifier _SigmoidCalibration",
    "sklearn.cluster": "KMeans",
    "sklearn.compose": "ColumnTransformer TransformedTargetRegressor make_column_selector",
    "sklearn.covariance": "EmpiricalCovariance LedoitWolf MinCovDet OAS ShrunkCovariance",
    "sklearn.cross_decomposition": "CCA PLSCanonical PLSRegression",
    "sklearn.decomposition": "FactorAnalysis FastICA IncrementalPCA KernelPCA PCA TruncatedSVD",
    "sklearn.discriminant_analysis": "LinearDiscriminantAnalysis QuadraticDiscriminantAnalysis",
    "sklearn.dummy": "DummyClassifier DummyRegressor",
    "sklearn.ensemble": (
        "AdaBoostClassifier AdaBoostRegressor BaggingClassifier BaggingRegressor ExtraTreesClassifier "
        "ExtraTreesRegressor RandomForestClassifier RandomForestRegressor StackingClassifier StackingRegressor "
        "VotingClassifier VotingRegressor"
    ),
    "sklearn.feature_extraction": "DictVectorizer FeatureHasher",
    "sklearn.feature_extraction.text": "CountVectorizer HashingVectorizer TfidfTransformer TfidfVectorizer",
    "sklearn.feature_selection": (
        "GenericUnivariateSelect RFE RFECV SelectFdr SelectFpr SelectFromModel SelectFwe SelectKBest SelectPercentile "
        "SequentialFeatureSelector VarianceThreshold"
    ),
    "sklearn.frozen": "FrozenEstimator",
    "sklearn.impute": "MissingIndicator SimpleImputer",
    "sklearn.kernel_approximation": "Nystroem PolynomialCountSketch RBFSampler",
    "sklearn.kernel_ridge": "KernelRidge",
    "sklearn.linear_model": (
        "ARDRegression BayesianRidge ElasticNet ElasticNetCV HuberRegressor Lars LarsCV Lasso LassoCV "
        "LassoLars LassoLarsCV LassoLarsIC LinearRegression LogisticRegression LogisticRegressionCV "
        "MultiTaskElasticNet MultiTaskElasticNetCV MultiTaskLasso MultiTaskLassoCV OrthogonalMatchingPursuit "
        "OrthogonalMatchingPursuitCV QuantileRegressor RANSACRegressor Ridge "
        "RidgeCV RidgeClassifier RidgeClassifierCV TheilSenRegressor"
    ),
    "sklearn.metrics._scorer": "_CurveScorer _MultimetricScorer _PassthroughScorer _Scorer",
    "sklearn.mixture": "BayesianGaussianMixture GaussianMixture",
    "sklearn.model_selection": (
        "FixedThresholdClassifier GridSearchCV GroupKFold GroupShuffleSplit KFold LeaveOneGroupOut "
        "LeaveOneOut LeavePGroupsOut LeavePOut PredefinedSplit RandomizedSearchCV RepeatedKFold "
        "RepeatedStratifiedKFold ShuffleSplit StratifiedGroupKFold StratifiedKFold StratifiedShuffleSplit "
        "TimeSeriesSplit TunedThresholdClassifierCV"
    ),
    "sklearn.model_selection._split": "_CVIterableWrapper",
    "sklearn.multiclass": "OneVsOneClassifier OneVsRestClassifier OutputCodeClassifier _ConstantPredictor",
    "sklearn.multioutput": "ClassifierChain MultiOutputClassifier MultiOutputRegressor RegressorChain",
    "sklearn.naive_bayes": "BernoulliNB CategoricalNB ComplementNB GaussianNB MultinomialNB",
    "sklearn.neighbors": "KNeighborsClassifier KNeighborsRegressor NearestCentroid NearestNeighbors",
    "sklearn.neural_network": "MLPClassifier MLPRegressor",
    "sklearn.neural_network._stochastic_optimizers": "AdamOptimizer SGDOptimizer",
    "sklearn.pipeline": "FeatureUnion Pipeline",
    "sklearn.preprocessing": (
        "Binarizer FunctionTransformer KBinsDiscretizer KernelCenterer LabelBinarizer LabelEncoder MaxAbsScaler "
        "MinMaxScaler Normalizer OneHotEncoder OrdinalEncoder PolynomialFeatures PowerTransformer "
        "QuantileTransformer RobustScaler StandardScaler TargetEncoder"
    ),
    "sklearn.random_projection": "GaussianRandomProjection SparseRandomProjection",
    "sklearn.svm": "LinearSVC LinearSVR",
    "sklearn.tree": "DecisionTreeClassifier DecisionTreeRegressor ExtraTreeClassifier ExtraTreeRegressor",
    "sklearn.utils": "Bunch",
    "sklearn.utils._metadata_requests": "MetadataRequest MethodMetadataRequest",
}

_FUNCTIONS = {
    "numpy": (
        "abs absolute arcsinh cbrt ceil cos exp expm1 floor identity log log10 log1p log2 max maximum mean median min "
        "minimum nan_to_num negative ravel reciprocal round sign sin sqrt square std sum tan tanh var"
    ),
    "sklearn_ann.autoencoder.losses": "absolute_error binary_cross_entropy penalized_error squared_error",
    "sklearn_ann.autoencoder.outliers": "trimmed_error",
    "sklearn_ann.base.losses": (
        "absolute_error already_an_error cross_entropy huber_error independent_cross_entropy masked "
        "mean_squared_error over_members plain poisson_error quantile_error squared_error"
    ),
    "sklearn_ann.generative.adversarial": "unlikeness",
    "sklearn_ann.factorization.step": "of_both",
    "sklearn_ann.generative.network": "negative_bound",
    "sklearn_ann.layers.head": "mean_classes mean_number mean_odds mean_rate",
    "sklearn_ann.recurrent.targets": "error_of_steps",
    "sklearn_ann.translation.targets": "sequence_error",
    "sklearn.feature_selection": "chi2 f_classif f_regression mutual_info_classif mutual_info_regression r_regression",
    "sklearn.metrics": (
        "accuracy_score average_precision_score balanced_accuracy_score brier_score_loss cohen_kappa_score "
        "d2_absolute_error_score explained_variance_score f1_score jaccard_score log_loss matthews_corrcoef "
        "max_error mean_absolute_error mean_absolute_percentage_error mean_gamma_deviance mean_poisson_deviance "
        "mean_squared_error mean_squared_log_error median_absolute_error precision_score r2_score recall_score "
        "roc_auc_score root_mean_squared_error root_mean_squared_log_error top_k_accuracy_score"
    ),
}

METHODS = frozenset(
    f"sklearn_ann.generative.likelihoods.{name}.check" for name in ("Likelihood", "Bernoulli", "Poisson")
)
"""Methods that a model may hold bound to an object or a class."""

CLASSES = frozenset(f"{module}.{name}" for module, names in _CLASSES.items() for name in names.split())
FUNCTIONS = frozenset(f"{module}.{name}" for module, names in _FUNCTIONS.items() for name in names.split())


def full_name(item: Any) -> str:
    """Return the module and the name of a class or function, as it says itself."""
    module = getattr(item, "__module__", None) or ("numpy" if type(item).__name__ == "ufunc" else "builtins")
    return f"{module}.{getattr(item, '__qualname__', getattr(item, '__name__', type(item).__name__))}"


class Names:
    """The names that one file may use: the lists, and what the caller trusts.

    Parameters
    ----------
    trusted : iterable of class or function
        Classes and functions that the caller hands over; no name of a file leads to an import of theirs.
    """

    def __init__(self, trusted: Iterable[Any] = ()) -> None:
        if not isinstance(trusted, Iterable):
            raise TypeError(f"trusted must be a list of classes and functions, got {trusted!r}")
        self.trusted = {full_name(item): item for item in trusted}
        for name, item in self.trusted.items():
            if not callable(item):
                raise TypeError(f"trusted must hold classes and functions, got {item!r} ({name})")

    def of(self, item: Any, where: str) -> str:
        """Return the name by which a file keeps a class or a function."""
        own = full_name(item)
        if self.trusted.get(own) is item:
            return own
        module, _, name = own.rpartition(".")
        # The public name, where there is one: private modules move between releases.
        parents = module.split(".")
        for end in range(1, len(parents) + 1):
            candidate = f"{'.'.join(parents[:end])}.{name}"
            if candidate in CLASSES | FUNCTIONS and self.find(candidate, where) is item:
                return candidate
        raise ModelFileError(
            f"{where} is or holds {own}, which is not among the classes and functions that can be saved. If it is your "
            "own, name it in save(..., trusted=[...]) and load(..., trusted=[...])"
        )

    def find(self, name: Any, where: str, kind: str = "class or function") -> Any:
        """Return what a file names, or refuse."""
        if isinstance(name, str) and name in self.trusted:
            return self.trusted[name]
        if not isinstance(name, str) or name not in CLASSES | FUNCTIONS:
            raise ModelFileError(
                f"{where} names the {kind} {str(name)[:200]!r}, which is not among those that a file may name"
            )
        module, _, attribute = name.rpartition(".")
        try:
            return getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise ModelFileError(f"{where} needs {name}, which the installed packages do not have ({error})") from error
