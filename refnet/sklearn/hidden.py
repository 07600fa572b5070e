"""The activations of a hidden layer as features, for a Pipeline."""

from typing import Any

from numpy.typing import ArrayLike
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from refnet.checks import Array, counted, integer
from refnet.network import Network
from refnet.sklearn.inputs import checked_inputs


class HiddenFeatures(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """An estimator whose `transform` gives the activations of the hidden layer that
    `transform_layer` names: -1 is the last one, 0 the first.
    """

    network_: Network
    transform_layer: int

    def transform(self, X: ArrayLike) -> Array:
        """The activations a^l of that layer, without dropout.

        Shapes: X (n, features) to (n, units of the layer).
        Torch: the output of the layer's activation module, after model.eval().
        Errors: ValueError where there is no such layer; NotFittedError before fit.
        Source: Goodfellow, Bengio and Courville, Deep Learning, section 15.1.
        """
        check_is_fitted(self)
        layer = self._hidden_layer()
        return self.network_.forward(checked_inputs(self, X))[layer].a

    def _hidden_layer(self) -> int:
        where, hidden = type(self).__name__, len(self.network_.layers) - 1
        given = integer(where, "transform_layer", self.transform_layer, low=-hidden)
        if given >= hidden:
            raise ValueError(
                f"{where}: transform_layer has {given}, expected one of "
                f"{counted(hidden, 'hidden layer')}: {-hidden} to {hidden - 1}"
            )
        return given % hidden

    @property
    def _n_features_out(self) -> int:
        return self.network_.layers[self._hidden_layer()].fan_out

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
