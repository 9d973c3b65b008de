"""Files of connectomes as they are distributed: the right matrix, or a line on what to do."""

import re

import numpy as np
import pytest
import scipy.sparse
from click.testing import CliRunner

import lyapax as lx
from lyapax._weights import read
from lyapax.cli import commands

from .public_files import CASES


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_it_is_read_right_or_refused_in_a_line(case, tmp_path):
    _, _, make, argument, expected = case
    path = make(tmp_path)
    asked = path if argument is None else f"{tmp_path}/{argument}"
    if isinstance(expected, str):
        with pytest.raises(ValueError, match=expected) as refusal:
            lx.read_weights(asked)
        said = str(refusal.value)
        assert "\n" not in said
        assert len(said) < 320 + len(str(path))
        return
    found = lx.read_weights(asked)
    dense = found.toarray() if scipy.sparse.issparse(found) else found
    np.testing.assert_array_equal(dense, expected)


def test_a_struct_s_matrix_is_named(tmp_path):
    make = next(case[2] for case in CASES if case[0] == "suitesparse struct")
    path = make(tmp_path)
    with pytest.raises(ValueError, match=r"FILE:Problem\.A"):
        lx.read_weights(path)
    assert lx.read_weights(f"{path}:Problem.A").shape == (4, 4)
    with pytest.raises(ValueError, match="Problem has no B"):
        lx.read_weights(f"{path}:Problem.B")


def test_ids_beyond_float64_stay_apart(tmp_path):
    first = 720575940596125868
    ids = [first + 2 * i for i in range(20)]
    lines = [f"{a},{b},1" for a, b in zip(ids, ids[1:] + ids[:1], strict=True)]
    path = tmp_path / "ring.csv"
    path.write_text("\n".join(["pre_root_id,post_root_id,syn_count", *lines]) + "\n")
    assert np.array_equal(lx.read_weights(path).toarray(), np.roll(np.eye(20), 1, axis=0))


@pytest.mark.parametrize("wrapper", ["state_dict", "model_state_dict"])
def test_a_checkpoint_has_its_tensors_inside(tmp_path, wrapper):
    torch = pytest.importorskip("torch")
    layer = torch.nn.GRU(3, 5)
    path = tmp_path / "checkpoint.pt"
    torch.save({"epoch": 3, wrapper: layer.state_dict()}, path)
    with pytest.raises(ValueError, match=r"holds a recurrent module: .*`lyapax spectrum`"):
        lx.read_weights(path)


def test_graphs_of_networkx_with_several_numbers():
    networkx = pytest.importorskip("networkx")
    graph = networkx.DiGraph()
    graph.add_edge("a", "b", fibers=2.0, length=30.0)
    with pytest.raises(ValueError, match=r"which is the weight.*fibers, length.*name it weight"):
        lx.read_weights(graph)


def test_no_cycle_is_doubted(tmp_path):
    from lyapax._weights.scaling import doubts

    upper = np.triu(np.ones((4, 4)), 1)
    assert any("cycle" in said for said in doubts(upper, "tanh"))
    assert not any("cycle" in said for said in doubts(upper + upper.T, "tanh"))
    assert not any("cycle" in said for said in doubts(np.zeros((2, 2)), "tanh"))


# What looks like something else: file, content, and the matrix or words of the refusal.
LIKE_OTHERS = [
    ("units.csv", ",source,target,relay\nsource,0,2,1\ntarget,3,0,1\nrelay,1,1,0\n", None),
    ("letters.csv", ",i,j,k\ni,0,2,1\nj,3,0,1\nk,1,1,0\n", None),
    ("above.csv", "pre,post,inh\n0,2,1\n3,0,1\n1,1,0\n", "names of units or of columns"),
    ("three.csv", "source,target,weight\n0,1,2\n1,2,3\n2,0,1\n", [[0, 0, 1], [2, 0, 0], [0, 3, 0]]),
    ("ragged.csv", "0,1,2\n3,0,4,77\n5,6,0\n", "row 2 has 4 cells, others 3"),
    ("wide.csv", "0,1,2,8\n4,0,6\n7,8,0\n", "row 1 has 4 cells|row 2 has 3 cells"),
    ("hash.csv", "source,target,weight\n#1,#2,1\n#2,#3,2\n3,#1,7\n#3,3,1\n", "4 units"),
    ("sym.txt", "% sym unweighted\n% 3 3 3\n1 2\n1 3\n2 3\n3 1\n", "both"),
    ("bip.txt", "% bip unweighted\n1 2\n1 3\n2 3\n3 1\n", "bipartite"),
    ("snap.txt", "# Undirected graph: x.txt\n1\t2\n2\t3\n3\t1\n1\t4\n", "both"),
    ("post.csv", "post_neuron,pre_neuron,weight\nb,a,5\nc,b,7\na,c,9\nd,a,1\n", "turned"),
    ("dst.csv", "dst_id,src_id,weight\nb,a,5\nc,b,7\na,c,9\nd,a,1\n", "turned"),
    ("first.csv", "weight,a,b\n5,1,2\n6,2,3\n7,3,1\n8,1,4\n", "let a first line name"),
    (
        "banner.mtx",
        "%%matrixmarket matrix coordinate real symmetric\n2 2 1\n2 1 3\n",
        [[0, 3], [3, 0]],
    ),
    ("missing.edges", "A B NA\nB C 3\nC A 2\n", "edge 1 must be"),
    ("blank.edges", "A,B,1\n,A,2\nB,A,3\n", "edge 2 must be"),
    ("corner.csv", "id,7,9\n7,0,1\n9,2,0\n", [[0, 1], [2, 0]]),
    ("commas.tsv", "0\t1,5\n2,5\t0\n", [[0, 1.5], [2.5, 0]]),
    ("mixed.csv", "source,target,weight,nt\nA,B,1,ach\nB,A,2,ach;gaba\n", [[0, 2], [1, 0]]),
    ("sep.csv", "sep=;\n0;1\n2;0\n", [[0, 1], [2, 0]]),
    ("float.csv", "pre,post,w\n720575940596125868.0,720575940596125870.0,5\n", [[0, 0], [5, 0]]),
    ("zeros.csv", "pre,post,w\n01,1,5\n", [[0, 0], [5, 0]]),
]
MATRIX = np.array([[0.0, 2, 1], [3, 0, 1], [1, 1, 0]])


@pytest.mark.parametrize(
    ("name", "content", "expected"), LIKE_OTHERS, ids=[c[0] for c in LIKE_OTHERS]
)
def test_what_looks_like_something_else(name, content, expected, tmp_path):
    path = tmp_path / name
    path.write_text(content)
    if isinstance(expected, str) and expected not in ("4 units", "both", "turned"):
        with pytest.raises(ValueError, match=expected):
            lx.read_weights(path)
        return
    found = lx.read_weights(path)
    dense = found.toarray() if scipy.sparse.issparse(found) else found
    if expected == "4 units":
        assert dense.shape == (4, 4)
        assert dense.sum() == 11
    elif expected == "both":
        assert np.array_equal(dense, dense.T)
    elif expected == "turned":
        assert (dense[1, 0], dense[2, 1], dense[0, 2], dense[3, 0]) == (5, 7, 9, 1)
    else:
        assert np.array_equal(dense, MATRIX if expected is None else expected)


def test_what_was_taken_is_said(tmp_path):
    path = tmp_path / "delays.csv"
    path.write_text("source,target,delay\nA,B,5\nB,C,7\nC,A,9\nA,C,1\n")
    (note,) = read(path).notes
    assert note.endswith("names of the columns: source -> target, weight delay")
    assert read(path).told().endswith("edges i -> j are W[j, i]")
    assert read(path, transpose=True).told().endswith("edges i -> j are W[i, j]")
    np.savez(tmp_path / "two.npz", positions=np.ones((3, 3)), weights=np.ones((3, 4)))
    assert read(tmp_path / "two.npz").notes == ["positions is read, of positions, weights"]
    np.save(tmp_path / "plain.npy", np.ones((2, 3, 3)))
    found = read(tmp_path / "plain.npy", transpose=True)
    assert found.told() == "2 networks of 3 units, 18 connections, column i: inputs of unit i"


def test_checkpoints_of_two_models_are_told_apart(tmp_path):
    torch = pytest.importorskip("torch")
    one, two = torch.nn.RNN(1, 4), torch.nn.RNN(1, 4)
    path = tmp_path / "both.pt"
    torch.save({"model": one.state_dict(), "ema": two.state_dict(), "step": 7}, path)
    with pytest.raises(ValueError, match=r"model\.weight_hh_l0 .*ema\.weight_hh_l0"):
        lx.read_weights(path)
    found = lx.read_weights(f"{path}:ema.weight_hh_l0")
    np.testing.assert_array_equal(found, two.weight_hh_l0.detach().numpy())


def test_graphs_whose_edges_have_numbers_of_numpy():
    networkx = pytest.importorskip("networkx")
    graph = networkx.DiGraph()
    graph.add_edge("a", "b", n=np.int64(3))
    graph.add_edge("b", "a")
    found = read(graph)
    assert np.array_equal(found.matrix.toarray(), [[0, 1], [3, 0]])
    assert found.notes == ["weights are n", "1 edges have no n, and count 1"]
    truth = networkx.DiGraph([("a", "b", {"excitatory": False})])
    assert read(truth).matrix.sum() == 1


def test_frames_of_edges(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"source": [1, 2, 3], "target": [2, 3, 1], "weight": [5.0, 6, 7]})
    assert np.array_equal(lx.read_weights(frame).toarray(), [[0, 0, 7], [5, 0, 0], [0, 6, 0]])
    assert lx.read_weights(pandas.DataFrame(MATRIX)).shape == (3, 3)


@pytest.mark.parametrize("suffix", [".XLSX", ".GML", ".SAFETENSORS"])
def test_names_in_capitals(suffix, tmp_path):
    path = tmp_path / f"net{suffix}"
    if suffix == ".XLSX":
        pandas = pytest.importorskip("pandas")
        pytest.importorskip("openpyxl")
        small = tmp_path / "net.xlsx"
        pandas.DataFrame(MATRIX).to_excel(small, header=False, index=False)
        small.rename(path)
    elif suffix == ".GML":
        networkx = pytest.importorskip("networkx")
        networkx.write_gml(networkx.from_numpy_array(MATRIX, create_using=networkx.DiGraph), path)
    else:
        numpy = pytest.importorskip("safetensors.numpy")
        numpy.save_file({"W": MATRIX}, path)
    found = lx.read_weights(path)
    dense = found.toarray() if scipy.sparse.issparse(found) else found
    assert np.array_equal(dense, MATRIX.T if suffix == ".GML" else MATRIX)


def test_options_that_a_target_has_not_are_refused(tmp_path):
    torch = pytest.importorskip("torch")
    layer = tmp_path / "layer.pt"
    torch.save(torch.nn.GRU(2, 4).state_dict(), layer)
    model = tmp_path / "model.py"
    model.write_text("import numpy as np\ndef circle(x, k=0.9):\n    return x + k * np.sin(x)\n")
    for target, options, words in [
        (str(layer), ["--gain", "2"], "--gain must be left out: .* recurrent module"),
        (str(layer), ["--phi", "relu", "--transpose"], "--phi, --transpose must be left out"),
        (f"{model}:circle", ["--dim", "1", "--tau", "2"], "--tau must be left out"),
    ]:
        found = CliRunner().invoke(commands, ["spectrum", target, *options])
        assert found.exit_code
        assert re.search(words, str(found.exception))
    run = ["--dim", "1", "--map", "--duration", "100", "--quiet", "--json"]
    found = CliRunner().invoke(commands, ["spectrum", f"{model}:circle", *run])
    assert found.exit_code == 0
    with pytest.raises(ValueError, match="lyapax spectrum"):
        lx.read_weights(layer)


def test_missing_values_and_paths_in_the_wrong_place(tmp_path):
    path = tmp_path / "na.csv"
    path.write_text(",a,b\na,0,NA\nb,1,0\n")
    with pytest.raises(ValueError, match="row 2, column 3 is 'NA': leave it blank for 0"):
        lx.read_weights(path)
    with pytest.raises(ValueError, match="it holds one matrix: FILE:W is for files of several"):
        lx.read_weights(f"{path}:W")
    with pytest.raises(TypeError, match=r"W must be a matrix, lx\.read_weights\('net\.csv'\)"):
        lx.RateNetwork("net.csv")
