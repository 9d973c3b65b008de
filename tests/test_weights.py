"""Weights from files of all formats, well made and ill made, and from objects of libraries."""

import gzip
import json
import pickle
import subprocess
import sys

import h5py
import networkx
import numpy as np
import pandas
import pytest
import safetensors.numpy
import scipy.io
import scipy.sparse
import torch
import xarray
from click.testing import CliRunner

import lyapax as lx
from lyapax._weights import read as weights_read
from lyapax.cli import commands

W = np.array([[0.0, 1.5, 0.0], [-2.0, 0.0, 0.25], [0.0, 0.0, 3.0]])
NAMES = "AVAL", "AVAR", "RIML"


def text(folder, name, content, encoding="utf-8"):
    path = folder / name
    path.write_bytes(content.encode(encoding))
    return path


def lines(delimiter, rows=W, corner=None, left=None):
    body = [delimiter.join(f"{v:g}" for v in row) for row in rows]
    if left:
        body = [f"{name}{delimiter}{row}" for name, row in zip(left, body, strict=True)]
    if corner is not None:
        body = [delimiter.join([corner, *NAMES]), *body]
    return "\n".join(body) + "\n"


def digraph():
    graph = networkx.DiGraph()
    graph.add_nodes_from(range(3))
    for i, j in zip(*np.nonzero(W), strict=True):
        graph.add_edge(int(j), int(i), weight=float(W[i, j]))
    return graph


def gru(folder, name):
    torch.manual_seed(0)
    model = torch.nn.Sequential()
    model.add_module("rnn", torch.nn.GRU(2, 3))
    torch.save(model.state_dict(), folder / name)
    return folder / name


def saved(writer):
    def make(folder, name):
        path = folder / name
        writer(path)
        return path

    return make


def h5(path):
    with h5py.File(path, "w") as file:
        file["group/W"] = W
        file["group/x"] = np.zeros(4)


def matlab73(path):
    with h5py.File(path, "w", userblock_size=512) as file:
        file["W"] = W.T
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(128))


def sheet(path):
    pandas.DataFrame(W, index=NAMES, columns=NAMES).to_excel(path)


EDGES = "\n".join(f"{j} {i} {W[i, j]:g}" for i, j in zip(*np.nonzero(W), strict=True))
READ = {
    "plain.npy": saved(lambda p: np.save(p, W)),
    "fortran.npy": saved(lambda p: np.save(p, np.asfortranarray(W))),
    "bigendian.npy": saved(lambda p: np.save(p, W.astype(">f4"))),
    "half.npy": saved(lambda p: np.save(p, W.astype(np.float16))),
    "one.npz": saved(lambda p: np.savez(p, W=W)),
    "vectors.npz": saved(lambda p: np.savez_compressed(p, bias=np.ones(3), W=W, x=np.ones(9))),
    "several.npz:W": saved(lambda p: np.savez(p, W=W, other=np.eye(3))),
    "sparse.npz": saved(lambda p: scipy.sparse.save_npz(p, scipy.sparse.coo_array(W))),
    "old.mat": saved(lambda p: scipy.io.savemat(p, {"W": W, "name": "worm"})),
    "sparse.mat": saved(lambda p: scipy.io.savemat(p, {"W": scipy.sparse.csc_array(W)})),
    "new.mat": saved(matlab73),
    "data.h5": saved(h5),
    "data.hdf5:group/W": saved(h5),
    "real.mtx": saved(lambda p: scipy.io.mmwrite(p, scipy.sparse.coo_array(W))),
    "dense.mtx": saved(lambda p: scipy.io.mmwrite(p, W)),
    "comma.csv": lambda f, n: text(f, n, lines(",")),
    "UPPER.CSV": lambda f, n: text(f, n, lines(",")),
    "header.csv": lambda f, n: text(f, n, lines(",", corner="", left=NAMES)),
    "bom.csv": lambda f, n: text(f, n, lines(",", corner="", left=NAMES), "utf-8-sig"),
    "windows.csv": lambda f, n: text(f, n, lines(",").replace("\n", "\r\n")),
    "trailing.csv": lambda f, n: text(f, n, lines(",").replace("\n", ",\n")),
    "blank.csv": lambda f, n: text(f, n, ",1.5,\n-2,,0.25\n,,3\n"),
    "semicolon.csv": lambda f, n: text(f, n, lines(";").replace(".", ",")),
    "tabs.tsv": lambda f, n: text(f, n, lines("\t", corner="name", left=NAMES)),
    "spaces.txt": lambda f, n: text(f, n, "# a comment\n" + lines("  ")),
    "beside.txt": lambda f, n: text(f, n, lines(" ", left=NAMES)),
    "quoted.csv": lambda f, n: text(f, n, lines(",", left=['"a, b"', '"c"', '"d"'])),
    "book.xlsx": saved(sheet),
    "graph.graphml": saved(lambda p: networkx.write_graphml(digraph(), p)),
    "graph.gml": saved(lambda p: networkx.write_gml(digraph(), p)),
    "list.edgelist": lambda f, n: text(f, n, EDGES),
    "list.edges": lambda f, n: text(f, n, EDGES.replace(" ", "\t")),
    "edges.csv": lambda f, n: text(f, n, "source,target,weight\n" + EDGES.replace(" ", ",")),
    "networkx.edgelist": saved(lambda p: networkx.write_weighted_edgelist(digraph(), p)),
    "tensor.pt": saved(lambda p: torch.save(torch.tensor(W), p)),
    "named.safetensors:W": saved(
        lambda p: safetensors.numpy.save_file({"W": W, "V": np.eye(3)}, p)
    ),
}


@pytest.mark.parametrize("name", READ)
def test_it_is_read_right(name, tmp_path):
    file, _, key = name.partition(":")
    path = READ[name](tmp_path, file)
    found = lx.read_weights(f"{path}:{key}" if key else path)
    dense = found.toarray() if scipy.sparse.issparse(found) else found
    assert dense.dtype == np.float64
    assert np.array_equal(dense, W)
    turned = lx.read_weights(f"{path}:{key}" if key else path, transpose=True)
    assert np.array_equal(turned.toarray() if scipy.sparse.issparse(turned) else turned, W.T)


PATTERN = "%%MatrixMarket matrix coordinate pattern symmetric\n3 3 2\n2 1\n3 3\n"
SKEW = "%%MatrixMarket matrix coordinate integer skew-symmetric\n3 3 1\n2 1 4\n"


def test_matrix_market_of_other_kinds(tmp_path):
    found = lx.read_weights(text(tmp_path, "pattern.mtx", PATTERN)).toarray()
    assert np.array_equal(found, [[0, 1, 0], [1, 0, 0], [0, 0, 1]])
    found = lx.read_weights(text(tmp_path, "skew.mtx", SKEW)).toarray()
    assert np.array_equal(found, [[0, -4, 0], [4, 0, 0], [0, 0, 0]])
    bare = text(tmp_path, "bare.mtx", "3 3 2\n1 2 0.5\n3 1 -1\n")
    assert np.array_equal(lx.read_weights(bare).toarray(), [[0, 0.5, 0], [0, 0, 0], [-1, 0, 0]])
    path = tmp_path / "packed.mtx.gz"
    path.write_bytes(gzip.compress(PATTERN.encode()))
    assert lx.read_weights(path).nnz == 3


def header(path, shape):
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"shape": shape, "fortran_order": False, "descr": "<f8"}
        )
        file.write(b"\0" * 800)


HUGE = "%%MatrixMarket matrix coordinate real general\n1000000000 1000000000 1\n1 1 1.0\n"
REFUSED = {
    "huge.npy": (saved(lambda p: header(p, (10**9, 10**9))), "are available"),
    "cut.npy": (saved(lambda p: header(p, (100, 100))), "cut off"),
    "huge.mtx": (lambda f, n: text(f, n, HUGE), "1,000,000,000 rows"),
    "pickled.npy": (
        saved(lambda p: np.save(p, np.array([{}], object), allow_pickle=True)),
        "would run code",
    ),
    "module.pt": (saved(lambda p: torch.save(torch.nn.RNN(1, 2), p)), "state_dict"),
    "pickle.pt": (saved(lambda p: p.write_bytes(pickle.dumps({"a": print}))), "torch.save"),
    "empty.csv": (lambda f, n: text(f, n, ""), "empty"),
    "comments.csv": (lambda f, n: text(f, n, "# nothing\n"), "empty"),
    "words.csv": (lambda f, n: text(f, n, "1,2\n3,four\n"), "row 2, column 2 is 'four'"),
    "ragged.csv": (lambda f, n: text(f, n, "1,2,3\n4,5\n6,7,8\n"), "row 2 has 2 cells, others 3"),
    "wide.csv": (lambda f, n: text(f, n, "1,2,3\n4,5,6\n"), "square"),
    "nan.csv": (lambda f, n: text(f, n, "1,nan\n3,4\n"), "finite"),
    "binary.csv": (saved(lambda p: p.write_bytes(b"\xff\xfe\x00\x80" * 9)), "no text"),
    "two.npz": (saved(lambda p: np.savez(p, A=W, B=W)), "A (3, 3), B (3, 3)"),
    "lost.npz:C": (saved(lambda p: np.savez(p, A=W, B=W)), "no 'C'"),
    "broken.npz": (saved(lambda p: p.write_bytes(b"PK\x03\x04")), "cut off"),
    "words.mat": (saved(lambda p: scipy.io.savemat(p, {"name": "worm"})), "variables"),
    "broken.h5": (saved(lambda p: p.write_bytes(b"\x89HDF")), "broken.h5"),
    "broken.xlsx": (saved(lambda p: p.write_bytes(b"PK")), "no .xlsx file"),
    "broken.graphml": (lambda f, n: text(f, n, "<graphml"), "no .graphml file"),
    "words.edges": (lambda f, n: text(f, n, "a b 1\na c much\n"), "edge 2"),
    "complex.mat": (saved(lambda p: scipy.io.savemat(p, {"W": W * 1j})), "real numbers"),
    "other.doc": (lambda f, n: text(f, n, "1"), ".safetensors"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_in_a_line(name, tmp_path):
    make, words = REFUSED[name]
    file, _, key = name.partition(":")
    path = make(tmp_path, file)
    with pytest.raises(ValueError, match=r"source .* cannot be read") as refusal:
        lx.read_weights(f"{path}:{key}" if key else path)
    said = str(refusal.value)
    assert words in said
    assert "\n" not in said
    assert len(said) < 200 + len(str(path))


def test_a_huge_header_takes_no_memory(tmp_path):
    header(tmp_path / "huge.npy", (10**9, 10**9))
    text(tmp_path, "huge.mtx", HUGE)
    program = """
import resource, sys
import lyapax as lx
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    try:
        lx.read_weights(path)
    except ValueError:
        continue
    raise SystemExit("read")
assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + 200_000
"""
    files = [str(tmp_path / name) for name in ("huge.npy", "huge.mtx")]
    subprocess.run([sys.executable, "-c", program, *files], check=True)


SPARSE = ["bsr", "coo", "csc", "csr", "dia", "dok", "lil"]


@pytest.mark.parametrize(
    "value",
    [
        *(getattr(scipy.sparse, f"{kind}_array")(W) for kind in SPARSE),
        scipy.sparse.csr_matrix(W),
        pandas.DataFrame(W, index=NAMES, columns=NAMES),
        xarray.DataArray(W, dims=("to", "of")),
        torch.tensor(W, requires_grad=True),
        digraph(),
        W.tolist(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_objects_of_libraries(value):
    found = lx.read_weights(value)
    assert np.array_equal(found.toarray() if scipy.sparse.issparse(found) else found, W)


def test_graphs_of_other_kinds():
    undirected = lx.read_weights(networkx.path_graph(3)).toarray()
    assert np.array_equal(undirected, [[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    several = networkx.MultiDiGraph([(0, 1), (0, 1), (1, 0)])
    assert np.array_equal(lx.read_weights(several).toarray(), [[0, 1], [2, 0]])


def run(*arguments):
    done = CliRunner().invoke(commands, ["spectrum", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done


A, B, C = 0, 1, 2
CYCLE = np.zeros((3, 3))
CYCLE[B, A], CYCLE[C, B], CYCLE[A, C] = 1.0, 2.0, 3.0  # A -> B -> C -> A


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("turned.csv", "target,source,weight\nB,A,1\nC,B,2\nA,C,3\n"),
        ("neurons.csv", "pre,post,synapses\nA,B,1\nB,C,2\nC,A,3\n"),
        ("gephi.csv", "Source,Target,Type,Id,Label,Weight\nA,B,Directed,0,,1\nB,C,Directed,1,,2\n"
                      "C,A,Directed,2,,3\n"),
        ("id.csv", "Source,Target,Id,Weight\n0,1,7,1\n1,2,8,2\n2,0,9,3\n"),
        ("comma.csv", "source;target;weight\nA;B;1,0\nB;C;2,0\nC;A;3,0\n"),
        ("nx.edgelist", "0 1 {'weight': 1.0}\n1 2 {'weight': 2.0}\n2 0 {'weight': 3.0}\n"),
        ("float.edges", "0.000e+00 1.0 1\n1 2.0 2\n2 0 3\n"),
    ],
)  # fmt: skip
def test_columns_of_edges_are_known_by_name(name, content, tmp_path):
    found = lx.read_weights(text(tmp_path, name, content))
    assert np.array_equal(found.toarray(), CYCLE)


def test_edges_without_weights_and_undirected_ones(tmp_path):
    plain = lx.read_weights(text(tmp_path, "a.csv", "source,target\nA,B\nB,C\nC,A\n"))
    assert np.array_equal(plain.toarray(), CYCLE > 0)
    both = "Source,Target,Type,Weight\nA,B,Undirected,2\n"
    found = lx.read_weights(text(tmp_path, "b.csv", both))
    assert np.array_equal(found.toarray(), [[0, 2], [2, 0]])
    with pytest.raises(ValueError, match="edges have cost, and no weight"):
        lx.read_weights(text(tmp_path, "c.edgelist", "0 1 {'cost': 2.0}\n"))
    graph = networkx.DiGraph()
    graph.add_edge(0, 1, cost=5.0)
    found = weights_read(graph)
    assert found.notes == ["weights are cost"]
    assert found.matrix[1, 0] == 5
    graph[0][1]["cost"] = "much"
    assert weights_read(graph).notes == ["edges have cost, and no weight: each counts 1"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("from,a,b,c\na,0,1,2\nb,3,4,5\nc,6,7,8\n", np.arange(9.0).reshape(3, 3)),
        ("i,j,k\n0,1,2\n3,4,5\n6,7,8\n", np.arange(9.0).reshape(3, 3)),
        (",101,102\n101,0,1\n102,2,0\n", [[0, 1], [2, 0]]),
        ("0,1,\n2,3,\n4,5,\n", [[0, 1, 0], [2, 3, 0], [4, 5, 0]]),
    ],
)
def test_matrices_that_look_like_something_else(content, expected, tmp_path):
    assert np.array_equal(lx.read_weights(text(tmp_path, "w.csv", content)), expected)


@pytest.mark.parametrize("mark", ["NA", "None", ".", "1D-3"])
def test_marks_of_what_is_missing_are_no_labels(mark, tmp_path):
    for content in (f"0,{mark}\n1,0\n", f"0,{mark},2\n1,0,3\n4,5,6\n"):
        with pytest.raises(ValueError, match=r"row 1, column 2 is"):
            lx.read_weights(text(tmp_path, "w.csv", content))


def test_a_number_beside_a_matrix_is_no_network(tmp_path):
    scipy.io.savemat(tmp_path / "w.mat", {"W": np.ones((2, 3)), "dt": 0.1})
    with pytest.raises(ValueError, match=r"W \(2, 3\), dt \(1, 1\)"):
        lx.read_weights(tmp_path / "w.mat")
    (tmp_path / "junk.mat").write_bytes(b"junk!")
    with pytest.raises(ValueError, match="cannot be read"):
        lx.read_weights(tmp_path / "junk.mat")


def test_the_command_says_what_it_understood(tmp_path):
    path = READ["header.csv"](tmp_path, "header.csv")
    said = run(path, "--duration", 50, "--json").output
    assert "3 units, 4 connections, row i: inputs of unit i" in said
    assert "first row and first column read as labels" in said
    path = READ["list.edgelist"](tmp_path, "list.edgelist")
    assert "edges i -> j are W[j, i]" in run(path, "--duration", 50).output


def exponents(done):
    return json.loads(done.output[done.output.index("{") :])["exponents"]


def test_gain_bias_and_radius(tmp_path):
    path = tmp_path / "w.npy"
    np.save(path, W)
    common = ("--phi", "linear", "--duration", 50, "--dt", 0.05, "--json")
    real = np.sort(np.linalg.eigvals(W).real)[::-1]
    assert exponents(run(path, "--gain", 0.1, *common)) == pytest.approx(0.1 * real - 1, abs=1e-3)
    scaled = exponents(run(path, "--normalise", "radius:0.5", *common))
    assert scaled[0] == pytest.approx(-0.5, abs=1e-3)
    plain = run(path, "--gain", 0.2, "--duration", 50, "--json")
    pushed = run(path, "--gain", 0.2, "--bias", 2.0, "--duration", 50, "--json")
    assert exponents(pushed)[0] < exponents(plain)[0] - 0.1


def test_doubts_are_said(tmp_path):
    path = tmp_path / "w.npy"
    np.save(path, np.array([[0.0, 90.0], [90.0, 0.0]]))
    assert "most units saturate" in run(path, "--duration", 20, "--dt", 0.01).output
    np.save(path, np.array([[0.0, 0.5], [0.0, 0.0]]))
    assert "1 of 2 units have no inputs" in run(path, "--duration", 20, "--dt", 0.1).output


def test_a_recurrent_module_becomes_its_system(tmp_path):
    path = gru(tmp_path, "model.pt")
    done = run(path, "--duration", 200, "--json")
    assert "GRU of 3 units by rnn.weight_hh_l0" in done.output
    state = torch.load(path)
    system = lx.GRU(
        *(state[f"rnn.{name}_l0"].double().numpy() for name in ("weight_hh", "weight_ih")),
        *(state[f"rnn.{name}_l0"].double().numpy() for name in ("bias_hh", "bias_ih")),
    )
    spec = lx.lyapunov_spectrum(system, duration=200, rng=0, progress=False)
    assert exponents(done) == pytest.approx(spec.exponents, abs=1e-9)
    with pytest.raises(ValueError, match="the command `lyapax spectrum` the file"):
        lx.read_weights(path)
    plain = tmp_path / "plain.pt"
    torch.save(torch.nn.RNN(2, 3).state_dict(), plain)
    with pytest.raises(ValueError, match=r"name a matrix, .*plain.pt:weight_hh_l0"):
        lx.read_weights(plain)
    assert lx.read_weights(f"{plain}:weight_hh_l0").shape == (3, 3)


def test_tables_with_long_names(tmp_path):
    n = 300
    w = np.random.default_rng(0).standard_normal((n, n)).round(3)
    frame = pandas.DataFrame(w, columns=[f"u{i}" for i in range(n)])
    frame.index = frame.columns
    frame.to_csv(tmp_path / "large.csv")
    assert np.array_equal(lx.read_weights(tmp_path / "large.csv"), w)
