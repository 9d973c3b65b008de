"""Files of connectomes as they are distributed: the right matrix, or a line on what to do."""

import numpy as np
import pytest
import scipy.sparse

import lyapax as lx

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
    with pytest.raises(ValueError, match="holds a recurrent module: name a matrix"):
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
