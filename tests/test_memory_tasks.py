"""The tasks of examples/memory: their layout, their bits, and what broken files say."""

import gzip
import zlib

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pixels = pytest.importorskip("examples.memory.pixels")
from examples.memory import tasks  # noqa: E402

SIZES = 60, 20, 10
MADE = {
    "copy": (lambda **o: tasks.copy_memory(25, **o), 3670551483),
    "delay": (lambda **o: tasks.random_delay(5, 9, **o), 3662746956),
    "order": (tasks.temporal_order, 3265886980),
}


def bits(task):
    digest = 0
    for split in task.splits.values():
        for array in (split.inputs, split.targets, split.lengths):
            digest = zlib.crc32(np.ascontiguousarray(array).tobytes(), digest)
    return digest


@pytest.mark.parametrize("name", MADE)
def test_the_same_bits_for_the_same_seed(name):
    """On every machine and with every version: the checksum is written here."""
    make, expected = MADE[name]
    task = make(seed=3, sizes=SIZES)
    assert bits(task) == expected
    assert bits(make(seed=4, sizes=SIZES)) != expected
    assert [len(split) for split in task.splits.values()] == list(SIZES)
    seen = {row.tobytes() for row in task.train.inputs}
    assert len(seen) == SIZES[0]
    assert not seen & {row.tobytes() for row in (*task.test.inputs, *task.validation.inputs)}


def test_copy_memory():
    task = tasks.copy_memory(25, sizes=SIZES)
    inputs, targets = task.train.inputs, task.train.targets
    assert inputs.shape == targets.shape == (60, 45)
    assert (inputs[:, :10] < 8).all()
    np.testing.assert_array_equal(inputs[:, 35], 9)
    others = np.delete(inputs[:, 10:], 25, axis=1)
    np.testing.assert_array_equal(others, 8)
    np.testing.assert_array_equal(targets[:, :35], 8)
    np.testing.assert_array_equal(targets[:, 35:], inputs[:, :10])
    assert abs(np.bincount(inputs[:, :10].ravel()) - 75).max() < 40
    assert task.chance == pytest.approx(2.0794, abs=1e-4)
    x, y, lengths = task.batch(task.train, np.array([4, 2]))
    assert x.shape == (2, 45, 10)
    assert x.dtype == torch.float32
    np.testing.assert_array_equal(x.argmax(-1), inputs[[4, 2]])
    assert (x.sum(-1) == 1).all()
    np.testing.assert_array_equal(y, targets[[4, 2]])
    assert lengths.tolist() == [45, 45]


def test_random_delays_are_copies_of_their_own_pause():
    task = tasks.random_delay(5, 9, sizes=(300, 20, 10))
    pauses = task.train.lengths - 20
    assert sorted(set(pauses)) == [5, 6, 7, 8, 9]
    for row, pause in enumerate(pauses[:50]):
        inputs, targets = task.train.inputs[row], task.train.targets[row]
        assert np.nonzero(inputs == 9)[0].tolist() == [10 + pause]
        np.testing.assert_array_equal(targets[10 + pause : 20 + pause], inputs[:10])
        assert (np.delete(targets, range(10 + pause, 20 + pause)) == 8).all()


def test_temporal_order():
    task = tasks.temporal_order(sizes=(2000, 20, 10))
    inputs, lengths = task.train.inputs, task.train.lengths
    assert sorted(set(lengths)) == list(range(100, 111))
    marks = [np.nonzero(row < 2)[0] for row in inputs]
    assert {len(m) for m in marks} == {2}
    first, second = np.array(marks).T
    assert (first.min(), first.max(), second.min(), second.max()) == (10, 20, 50, 60)
    rows = np.arange(2000)
    expected = 2 * inputs[rows, first] + inputs[rows, second]
    np.testing.assert_array_equal(task.train.targets, expected)
    assert abs(np.bincount(task.train.targets) - 500).max() < 100
    assert (inputs[:, 0] == tasks.ORDER.index("E")).all()
    assert (inputs[rows, lengths - 1] == tasks.ORDER.index("B")).all()
    short = tasks.temporal_order(shortest=30, sizes=SIZES)
    assert short.train.lengths.max() <= 33
    assert short.name == "temporal order, 30 steps"


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.astype(np.uint8).tobytes()


@pytest.fixture
def mnist(tmp_path):
    """Forty images of 4 x 3 pixels, the training images compressed."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (40, 4, 3)), np.arange(40) % 10
    (train, label), (test, other) = pixels.IDX.values()
    (tmp_path / f"{train}.gz").write_bytes(gzip.compress(idx(images[:30])))
    (tmp_path / label).write_bytes(idx(labels[:30]))
    (tmp_path / test).write_bytes(idx(images[30:]))
    (tmp_path / other).write_bytes(idx(labels[30:]))
    return tmp_path, images, labels


def test_permuted_pixels_of_files(mnist):
    folder, images, labels = mnist
    task = pixels.permuted_pixels(folder, seed=1)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(1)).numpy()
    np.testing.assert_array_equal(task.test.inputs[:, :, 0], images[30:].reshape(10, 12)[:, order])
    np.testing.assert_array_equal(task.test.targets, labels[30:])
    assert (len(task.train), len(task.validation)) == (27, 3)
    x = task.batch(task.test, np.arange(10))[0]
    assert x.shape == (10, 12, 1)
    assert x.max() <= 1.0
    np.testing.assert_allclose(x[..., 0], task.test.inputs[..., 0] / 255.0, rtol=1e-6)
    other = pixels.permuted_pixels(folder, seed=1234, by="numpy")
    order = np.random.RandomState(1234).permutation(12)
    np.testing.assert_array_equal(other.test.inputs[:, :, 0], images[30:].reshape(10, 12)[:, order])
    assert folder.name in task.name


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.unlink(), "cannot be read"),
        (lambda path: path.write_bytes(b"P5"), "is no IDX file of bytes"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "is broken: its length"),
        (lambda path: path.write_bytes(path.read_bytes()[:6]), "is broken: its length"),
        (lambda path: path.write_bytes(idx(np.zeros(9))), "must be images and as many labels"),
    ],
)
def test_broken_idx_files(mnist, spoil, words):
    spoil(mnist[0] / pixels.IDX["test"][1])
    with pytest.raises(ValueError, match=words):
        pixels.permuted_pixels(mnist[0])


def test_cifar(tmp_path):
    rng = np.random.default_rng(0)
    records = rng.integers(0, 256, (24, pixels.RECORD)).astype(np.uint8)
    records[:, 0] = np.arange(24) % 10
    for i, name in enumerate([*pixels.CIFAR[0], *pixels.CIFAR[1]]):
        (tmp_path / name).write_bytes(records[4 * i : 4 * i + 4].tobytes())
    task = pixels.sequential_cifar(tmp_path)
    assert task.name == "sequential CIFAR-10"
    assert task.test.inputs.shape == (4, 1024, 3)
    np.testing.assert_array_equal(task.test.inputs[0, :, 1], records[20, 1025:2049])
    np.testing.assert_array_equal(task.test.targets, records[20:, 0])
    for content, words in (
        (b"abc", "must have records of 3073 bytes"),
        (bytes([77]) * pixels.RECORD, "a label is above 9"),
    ):
        (tmp_path / "test_batch.bin").write_bytes(content)
        with pytest.raises(ValueError, match=words):
            pixels.sequential_cifar(tmp_path)
    (tmp_path / "data_batch_3.bin").unlink()
    with pytest.raises(ValueError, match=r"data_batch_3\.bin cannot be read"):
        pixels.sequential_cifar(tmp_path)


def test_what_stands_in_says_so():
    task = pixels.sequential_cifar()
    assert task.name.startswith("stand-in")
    assert (task.width, task.classes) == (3, 10)
    pytest.importorskip("sklearn")
    digits = pixels.permuted_pixels()
    assert digits.name == "permuted pixels of digits"
    assert digits.test.inputs.shape == (360, 64, 1)
    assert digits.train.inputs.max() == 255
    with pytest.raises(ValueError, match="by must be torch or numpy"):
        pixels.permuted_pixels(by="jax")
