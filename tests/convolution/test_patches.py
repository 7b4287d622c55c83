"""The matrix of patches turns a convolution into a product of matrices."""

import numpy as np
import pytest
from sklearn.feature_extraction.image import extract_patches_2d

from sklearn_ann import PatternDetector
from sklearn_ann.convolution import image_patches


def values(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("channels", [(), (1,), (3,)])
@pytest.mark.parametrize("size", [(3, 3), (2, 3), (4, 1), (1, 1)])
def test_the_product_with_the_kernels_is_the_feature_map(size, channels, padding):
    image, kernels = values(6, 7, *channels), values(5, *size, *channels, seed=1)
    W = kernels.reshape(5, -1).T  # (n_pixels, n_kernels)
    maps = PatternDetector(kernels, output="maps", padding=padding).transform([image])[0]
    Y = image_patches(image, size, padding=padding) @ W
    assert maps.shape[:2] == ((6, 7) if padding == "same" else (7 - size[0], 8 - size[1]))
    np.testing.assert_allclose(Y.reshape(maps.shape), maps, atol=1e-5)


def test_a_shifted_image_has_shifted_patches_but_for_the_border():
    image = np.zeros((8, 9))
    image[1:4, 1:4] = values(3, 3)
    shifted = np.roll(image, (2, 3), axis=(0, 1))
    patches, moved = (image_patches(one, (3, 3)).reshape(6, 7, 9) for one in (image, shifted))
    np.testing.assert_array_equal(moved[2:, 3:], patches[:-2, :-3])


def test_patches_are_those_of_scikit_learn_in_the_same_order_and_a_copy():
    image = np.arange(20, dtype=np.uint8).reshape(4, 5)
    patches = image_patches(image, (2, 3))
    assert patches.dtype == np.uint8
    np.testing.assert_array_equal(patches, extract_patches_2d(image, (2, 3)).reshape(-1, 6))
    patches[:] = 0
    assert image.sum() == 190
    assert image_patches(image.tolist(), [4, 5]).tolist() == [image.ravel().tolist()]


@pytest.mark.parametrize(
    ("image", "size", "settings", "error", "message"),
    [
        (["AC", "GT"], (1, 1), {}, TypeError, "image is not an array of real numbers"),
        (np.zeros(4), (1, 1), {}, ValueError, r"image has shape \(4,\): expected one image"),
        (np.zeros((0, 4)), (1, 1), {}, ValueError, r"image has shape \(0, 4\)"),
        (np.zeros((2, 2)), 2, {}, TypeError, "patch_size=2: expected two integers"),
        (np.zeros((2, 2)), (1.0, 2), {}, TypeError, r"patch_size=\(1.0, 2\)"),
        (np.zeros((2, 2)), (0, 2), {}, ValueError, r"patch_size=\(0, 2\): expected a height and a width of 1 or more"),
        (np.zeros((2, 4)), (3, 2), {}, ValueError, "patch_size of 3x2 is larger than the image of 2x4; padding='same'"),
        (np.zeros((2, 2)), (1, 1), {"padding": "full"}, ValueError, "padding='full': expected 'valid' or 'same'"),
    ],
)
def test_what_has_no_patches_is_refused(image, size, settings, error, message):
    with pytest.raises(error, match=message):
        image_patches(image, size, **settings)
