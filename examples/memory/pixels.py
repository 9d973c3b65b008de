"""Images as sequences: MNIST's format, scikit-learn's digits, CIFAR-10's binary batches."""

import gzip
from pathlib import Path

import numpy as np
import torch

from .tasks import Split, Task

DIGITS = "digits"  # of scikit-learn, 8 x 8, where no folder of images is given
# Files of MNIST and of Fashion-MNIST.
IDX = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
CIFAR = [f"data_batch_{i}.bin" for i in range(1, 6)], ["test_batch.bin"]
RECORD = 1 + 3 * 1024  # bytes of an image of CIFAR-10: its label, then red, green and blue
VALIDATION = 10  # one of so many training images


def permuted_pixels(folder=None, seed=12008, by="torch", held_out=0):
    """Pixels of an image in one random order, the same for all (Section S2.1).

    Two orders are in use: 12008 by PyTorch, and 1234 by NumPy's RandomState. Without a folder the
    images are scikit-learn's digits, of 64 pixels, and the name says so.
    """
    images, labels = (digits() if folder is None else idx_files(Path(folder)))[:2]
    name = DIGITS if folder is None else Path(folder).name
    order = permutation(images[0].shape[1], seed, by)
    flat = [array[:, order, None] for array in images]
    return _task(f"permuted pixels of {name}", flat, labels, 1, held_out)


def sequential_cifar(folder=None, held_out=0):
    """Pixels of an image row by row, three colours a step; without a folder of a stand-in."""
    if folder is None:
        images, labels = gratings()
        return _task("stand-in for sequential CIFAR-10 (gratings)", images, labels, 3, held_out)
    images, labels = cifar_files(Path(folder))
    return _task("sequential CIFAR-10", images, labels, 3, held_out)


def permutation(pixels, seed, by):
    """The order of the pixels."""
    if by == "numpy":
        return np.random.RandomState(seed).permutation(pixels)
    if by != "torch":
        raise ValueError(f"by must be torch or numpy, got {by!r}")
    return torch.randperm(pixels, generator=torch.Generator().manual_seed(seed)).numpy()


def _task(name, images, labels, width, held_out):
    """Of every ten training images one is for validation, another one for each `held_out`."""
    train, test = (_split(*pair) for pair in zip(images, labels, strict=True))
    classes = int(max(labels[0].max(), labels[1].max())) + 1
    validates = np.arange(len(train)) % VALIDATION == held_out % VALIDATION
    parts = (
        Split(train.inputs[which], train.targets[which], train.lengths[which])
        for which in (~validates, validates)
    )
    return Task(name, width, classes, float(np.log(classes)), 0, *parts, test)


def _split(inputs, targets):
    lengths = np.full(len(inputs), inputs.shape[1], np.int64)
    return Split(np.ascontiguousarray(inputs), targets.astype(np.int64), lengths)


def digits():
    """Training and test images (N, 64) and labels; every fifth image is for the test."""
    from sklearn.datasets import load_digits

    found = load_digits()
    images = np.round(found.data * (255 / 16)).astype(np.uint8)
    test = np.arange(len(images)) % 5 == 0
    return (images[~test], images[test]), (found.target[~test], found.target[test])


def idx_files(folder):
    """Training and test images (N, pixels) and labels of a folder with four IDX files."""
    images, labels = [], []
    for names in IDX.values():
        image, label = (_idx(folder / name) for name in names)
        if image.ndim != 3 or label.shape != image.shape[:1]:
            raise ValueError(
                f"{folder}: {names[0]} and {names[1]} must be images and as many labels, got "
                f"{image.shape} and {label.shape}"
            )
        images.append(image.reshape(len(image), -1))
        labels.append(label)
    return tuple(images), tuple(labels)


def _idx(path):
    """An array of bytes in Yann LeCun's format, perhaps compressed."""
    zipped = path.with_name(path.name + ".gz")
    try:
        content = gzip.decompress(zipped.read_bytes()) if zipped.exists() else path.read_bytes()
    except (OSError, EOFError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    if len(content) < 4 or content[:3] != b"\0\0\x08":
        raise ValueError(f"{path} is no IDX file of bytes")
    axes = content[3]
    first = 4 + 4 * axes
    shape = [int.from_bytes(content[i : i + 4], "big") for i in range(4, first, 4)]
    if len(content) != first + int(np.prod(shape)):
        raise ValueError(f"{path} is broken: its length is not that of its {axes} axes")
    return np.frombuffer(content, np.uint8, offset=first).reshape(shape)


def cifar_files(folder):
    """Training and test images (N, 1024, 3) and labels of a folder with the binary batches."""
    parts = []
    for names in CIFAR:
        records = []
        for name in names:
            path = folder / name
            try:
                content = np.fromfile(path, np.uint8)
            except OSError as error:
                raise ValueError(f"{path} cannot be read: {error}") from None
            if not len(content) or len(content) % RECORD:
                raise ValueError(f"{path} is broken: it must have records of {RECORD} bytes")
            records.append(content.reshape(-1, RECORD))
        found = np.concatenate(records)
        if found[:, 0].max() > 9:
            raise ValueError(f"{folder} is broken: a label is above 9")
        parts.append(found)
    images = tuple(p[:, 1:].reshape(-1, 3, 1024).transpose(0, 2, 1) for p in parts)
    return images, tuple(p[:, 0].astype(np.int64) for p in parts)


def gratings(count=2000, test=500):
    """Ten classes of noisy stripes, 32 x 32: five directions, and two distances."""
    rng = np.random.RandomState(0)  # whose numbers no version changes
    labels = rng.randint(10, size=count + test)
    x, y = np.meshgrid(np.arange(32), np.arange(32))
    angle, wave = np.pi * (labels % 5) / 5, np.where(labels < 5, 6.0, 12.0)
    along = np.cos(angle)[:, None, None] * x + np.sin(angle)[:, None, None] * y
    phase = rng.uniform(0, 2 * np.pi, size=(count + test, 1, 1))
    stripes = np.sin(2 * np.pi * along / wave[:, None, None] + phase)
    colour = rng.uniform(0.3, 1.0, size=(count + test, 1, 3))
    pixels = 127.5 + 90 * stripes.reshape(count + test, 1024, 1) * colour
    pixels += 20 * rng.standard_normal(pixels.shape)
    images = np.clip(pixels, 0, 255).astype(np.uint8)
    return (images[:count], images[count:]), (labels[:count], labels[count:])
