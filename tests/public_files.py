"""Connectomes and networks in the formats in which they are distributed, rebuilt with a few units.

CASES: name, file, writer(folder), argument of read_weights or None for the file itself, and the
matrix as it should be, or a regular expression for the refusal. W[i, j] is the weight from j to i.
Units of lists of edges are sorted, numbers as numbers; those of graphs in the order of the file.
"""

import gzip
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import scipy.io
import scipy.sparse

CASES = []


def w(n, *edges, both=False):
    """(from, to, weight) by place; several of a pair add up."""
    found = np.zeros((n, n))
    for i, j, value in edges:
        found[j, i] += value
        if both and i != j:
            found[i, j] += value
    return found


def case(name, file, content, expected, key=None):

    def make(folder, content=content, file=file):
        path = Path(folder) / file
        if callable(content):
            content(path)
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    CASES.append((name, file, make, None if key is None else f"{file}:{key}", expected))


def zipped(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for member, text in members.items():
            file.writestr(member.replace("_txt", ".txt").replace("_csv", ".csv"), text)
    return buffer.getvalue()


NEWMAN = 'Creator "Mark Newman on Thu Aug 31 12:59:09 2006"\ngraph\n[\n  directed 1\n' + "".join(
    (
        f'  node\n  [\n    id {i}\n    label "{label}"\n  ]\n'
        for i, label in enumerate((1, 51, 72, 2))
    )
)
EDGE = "  edge\n  [\n    source {}\n    target {}\n    value {}\n  ]\n"
LIST = [(0, 1, 1), (0, 2, 2), (3, 0, 6), (2, 3, 12)]
case(
    "newman gml, value",
    "celegansneural.gml",
    NEWMAN + "".join(EDGE.format(*e) for e in LIST) + "]\n",
    w(4, *LIST),
)
case(
    "newman gml, parallel edges",
    "celegansneural.gml",
    NEWMAN + "".join(EDGE.format(*e) for e in [*LIST, (0, 1, 3)]) + "]\n",
    w(4, *LIST, (0, 1, 3)),
)
case(
    "igraph gml, name",
    "word.gml",
    'Creator "igraph version 1.2.2 Mon Feb 03 16:24:06 2020"\nVersion 1\ngraph\n[\n  directed 0\n'
    + "".join((f'  node\n  [\n    id {i}\n    name "{n}"\n  ]\n' for i, n in enumerate("abcd")))
    + "".join(
        (
            f"  edge\n  [\n    source {i}\n    target {j}\n    weight {v}\n  ]\n"
            for i, j, v in [(0, 0, 23), (2, 0, 1), (3, 1, 4)]
        )
    )
    + "]\n",
    w(4, (0, 0, 23), (2, 0, 1), (3, 1, 4), both=True),
)
case(
    "igraph gml, nan",
    "celltype_graph.gml",
    'Creator "igraph version 0.5.3 Wed Oct 27 01:54:55 2010"\nVersion 1\ngraph\n[\n  directed 1\n'
    + "".join(
        (
            f'  node\n  [\n    id {i}\n    count {c}\n    label "{n}"\n  ]\n'
            for i, (n, c) in enumerate([("SupPyrRS", 1000), ("SupPyrFRB", 50), ("TCR", 100)])
        )
    )
    + "".join(
        (
            f'  edge\n  [\n    source {i}\n    target {j}\n    ekgaba -0.081\n    weight {v}\n    taugabaslow nan\n    gampa 2.5e-10\n    pscomps "[2, 3]"\n  ]\n'
            for i, j, v in [(0, 0, 50), (0, 1, 50), (2, 1, 90)]
        )
    )
    + "]\n",
    w(3, (0, 0, 50), (0, 1, 50), (2, 1, 90)),
)
XML = '<?xml version="1.0" encoding="utf-8"?><graphml xmlns="http://graphml.graphdrawing.org/xmlns" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://graphml.graphdrawing.org/xmlns http://graphml.graphdrawing.org/xmlns/1.0/graphml.xsd">\n'


def brain(keys, edges):
    """Budapest reference connectome: nodes with dn_*, undirected, each edge once."""
    text = XML + "".join(
        (
            f'<key attr.name="{name}" attr.type="double" for="edge" id="{i}" />\n'
            for i, name in keys.items()
        )
    )
    text += "".join(
        (
            f'<key attr.name="dn_{name}" attr.type="string" for="node" id="d{i}" />\n'
            for i, name in ((7, "hemisphere"), (6, "name"), (5, "fsname"), (4, "region"))
        )
    )
    text += '<graph edgedefault="undirected">\n' + "".join(
        f'<node id="{i}">\n  <data key="d4">cortical</data>\n  <data key="d6">rh.area_{i}</data>\n  <data key="d7">right</data>\n</node>\n'
        for i in (1, 2, 3, 4)
    )
    for i, j, *values in edges:
        text += (
            f'<edge source="{i}" target="{j}">\n'
            + "".join(
                (f'  <data key="{k}">{v:f}</data>\n' for k, v in zip(keys, values, strict=True))
            )
            + "</edge>\n"
        )
    return text + "</graph>\n</graphml>\n"


ONE = [(1, 2, 7.5), (1, 4, 0.25), (3, 4, 2.0)]
case(
    "budapest graphml, one key",
    "budapest.graphml",
    brain({"d14": "number_of_fiber_per_fiber_length_mean"}, ONE),
    w(4, (0, 1, 7.5), (0, 3, 0.25), (2, 3, 2.0), both=True),
)
KEYS = {"d9": "number_of_fibers", "d12": "fiber_length_mean", "d8": "FA_mean"}
SEVERAL = [(1, 2, 12, 31.5, 0.4), (1, 4, 3, 60.25, 0.3), (3, 4, 1, 90, 0.5)]
case(
    "braingraph graphml, several keys",
    "100307_connectome_scale33.graphml",
    brain(KEYS, SEVERAL),
    "number_of_fibers.*(FILE|:)",
)
case(
    "braingraph graphml, key named",
    "100307_connectome_scale33.graphml",
    brain(KEYS, SEVERAL),
    w(4, (0, 1, 12), (0, 3, 3), (2, 3, 1), both=True),
    key="number_of_fibers",
)
case(
    "igraph graphml, weight",
    "neurodata.graphml",
    '<?xml version="1.0" encoding="UTF-8"?>\n<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n<!-- Created by igraph -->\n  <key id="v_name" for="node" attr.name="name" attr.type="string"/>\n  <key id="e_weight" for="edge" attr.name="weight" attr.type="double"/>\n  <graph id="G" edgedefault="directed">\n'
    + "".join(
        (
            f'    <node id="n{i}">\n      <data key="v_name">{n}</data>\n    </node>\n'
            for i, n in enumerate(("AVAL", "AVAR", "PVCL", "DB1"))
        )
    )
    + "".join(
        (
            f'    <edge source="n{i}" target="n{j}">\n      <data key="e_weight">{v}</data>\n    </edge>\n'
            for i, j, v in [(0, 1, 2), (2, 0, 5), (0, 1, 4)]
        )
    )
    + "  </graph>\n</graphml>\n",
    w(4, (0, 1, 6), (2, 0, 5)),
)
SUFFIX = "must end in one of .*\\.xlsx"
OTHERWISE = {
    "pajek net": r"networkx\.read_pajek\(file\)",
    "gexf": r"networkx\.read_gexf\(file\)",
    "json node-link": r"networkx\.node_link_graph",
    "dimacs": SUFFIX,
    "brainnet edge": SUFFIX,
    "navigable maps edge": SUFFIX,
    "afni 1D": SUFFIX,
    "openworm xls": r"save it as \.xlsx",
    "tvb zip": "unpack it",
    "netzschleuder zip": "unpack it",
    "konect out.": SUFFIX,
}
for name, file, content in [
    (
        "pajek net",
        "celegans.net",
        '*Vertices 3\n1 "AVAL" 0.5 0.5 0.5\n2 "AVAR"\n3 "PVCL"\n*Arcs\n1 2 1.0\n2 3 2.5\n*Edges\n1 3 0.8\n',
    ),
    (
        "gexf",
        "worm.gexf",
        '<gexf xmlns="http://www.gexf.net/1.2draft" version="1.2"><graph defaultedgetype="directed"><nodes><node id="0" label="A"/><node id="1" label="B"/></nodes><edges><edge id="0" source="0" target="1" weight="2"/></edges></graph></gexf>',
    ),
    (
        "json node-link",
        "worm.json",
        json.dumps(
            {
                "directed": True,
                "multigraph": False,
                "graph": {},
                "nodes": [{"id": "A"}, {"id": "B"}],
                "links": [{"weight": 2, "source": "A", "target": "B"}],
            }
        ),
    ),
    ("dimacs", "flow.gr", "c comment\np sp 3 2\na 1 2 4\na 2 3 5\n"),
    ("brainnet edge", "BCT.edge", "0\t1\t0\n1\t0\t2\n0\t2\t0\n"),
    ("navigable maps edge", "Cat1.edge", "n21 n52\nn21 n59\nn28 n21\n"),
    ("afni 1D", "rest.netcc", "# 2 # Number of network ROIs\n0 1\n1 0\n"),
    (
        "openworm xls",
        "CElegansNeuronTables.xls",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 504,
    ),
    (
        "tvb zip",
        "connectivity_76.zip",
        zipped(weights_txt="0 1\n2 0\n", tract_lengths_txt="0 9\n9 0\n"),
    ),
    (
        "netzschleuder zip",
        "celegansneural.csv.zip",
        zipped(edges_csv="# source, target, value\n0, 1, 3\n"),
    ),
    ("konect out.", "out.moreno_highschool", "% asym positive\n1\t2\t1\n2\t3\t2\n"),
]:
    case(name, file, content, OTHERWISE[name])
PACKED = gzip.compress(b"# FromNodeId\tToNodeId\n0\t1\n1\t2\n")
case("snap gz", "wiki-Vote.txt.gz", PACKED, w(3, (0, 1, 1), (1, 2, 1)))
case(
    "flywire, 18-digit ids",
    "connections.csv",
    "pre_root_id,post_root_id,syn_count\n720575940596125868,720575940596125870,5\n720575940596125870,720575940596125900,7\n720575940596125900,720575940605628352,9\n720575940605628352,720575940596125868,11\n720575940596125868,720575940605628352,6\n",
    w(4, (0, 1, 5), (1, 2, 7), (2, 3, 9), (3, 0, 11), (0, 3, 6)),
)
FLYWIRE = "pre_root_id,post_root_id,neuropil,syn_count,nt_type\n720575940600000000,720575940610000000,AL_R,3,GABA\n720575940600000000,720575940610000000,AL_L,9,ACH\n720575940610000000,720575940620000000,LO_R,6,GLUT\n720575940620000000,720575940600000000,LO_R,5,ACH\n720575940630000000,720575940600000000,ME_L,7,ACH\n"
case(
    "flywire, five columns",
    "connections.csv",
    FLYWIRE,
    w(4, (0, 1, 12), (1, 2, 6), (2, 0, 5), (3, 0, 7)),
)
case(
    "flywire gz",
    "connections.csv.gz",
    gzip.compress(FLYWIRE.encode()),
    w(4, (0, 1, 12), (1, 2, 6), (2, 0, 5), (3, 0, 7)),
)
case(
    "source, target known, weight not",
    "edges.csv",
    "pre,post,neuropil,syn_count\nA,B,AL_R,3\nB,C,AL_L,9\nC,A,LO_R,6\nC,D,LO_R,6\nD,A,LO_R,2\n",
    w(4, (0, 1, 3), (1, 2, 9), (2, 0, 6), (2, 3, 6), (3, 0, 2)),
)
case(
    "konect, tabs and blanks",
    "moreno.edges",
    "% asym positive\n% 4 3 3\n1\t1 1 1138206644\n1\t2 1 1138211184\n1\t2 1 1138213453\n3\t2 4 1138215043\n",
    w(3, (0, 0, 1), (0, 1, 2), (2, 1, 4)),
)
case(
    "konect, tabs",
    "moreno.edges",
    "% asym positive\n33\t33\t1\t1138206644\n33\t28\t1\t1138211184\n33\t28\t1\t1138213453\n28\t2\t1\t1138215043\n",
    w(3, (2, 2, 1), (2, 1, 2), (1, 0, 1)),
)
case(
    "konect, sym",
    "cat.edges",
    "% sym unweighted\n% 3 4 4\n1 2\n1 3\n3 4\n",
    w(4, (0, 1, 1), (0, 2, 1), (2, 3, 1), both=True),
)
case(
    "snap, two columns",
    "web-Google.txt",
    "# Directed graph (each unordered pair of nodes is saved once): web-Google.txt\n# Nodes: 4 Edges: 5\n# FromNodeId\tToNodeId\n0\t2\n0\t7\n7\t0\n2\t5\n5\t0\n",
    w(4, (0, 1, 1), (0, 3, 1), (3, 0, 1), (1, 2, 1), (2, 0, 1)),
)
case(
    "network repository edges",
    "bn-cat-mixed-species_brain_1.edges",
    "0 1\n0 2\n1 2\n1 33\n33 19\n",
    w(5, (0, 1, 1), (0, 2, 1), (1, 2, 1), (1, 4, 1), (4, 3, 1)),
)
case(
    "netzschleuder csv",
    "edges.csv",
    "# source, target, weight\n0, 1, 1\n0, 2, 2\n3, 0, 6\n2, 3, 12\n3, 1, 1\n",
    w(4, (0, 1, 1), (0, 2, 2), (3, 0, 6), (2, 3, 12), (3, 1, 1)),
)
case(
    "netzschleuder csv, four columns",
    "edges.csv",
    "# source, target, weight, time\n0, 1, 1, 100\n0, 2, 2, 101\n3, 0, 6, 102\n2, 3, 12, 103\n3, 1, 1, 104\n",
    w(4, (0, 1, 1), (0, 2, 2), (3, 0, 6), (2, 3, 12), (3, 1, 1)),
)
case(
    "varshney NeuronConnect",
    "NeuronConnect.csv",
    "Neuron 1,Neuron 2,Type,Nbr,\nADAR,ADAL,EJ,1,\nADAL,ADAR,EJ,1,\nAIBL,ADAL,R,1,\nADAL,AIBL,S,1,\nAIBL,ADAL,Sp,3,\nADAL,AIBL,Rp,3,\n",
    "Neuron 1.*(columns|source|edges)",
)
case(
    "white 1986",
    "aconnectome_white_1986_A.csv",
    "pre post type synapses\nADAL\tADFL\telectrical\t1\nADAL\tAIBL\tchemical\t1\nADFL\tAIBL\tchemical\t2\nAIBL\tADAL\tchemical\t4\nAIBL\tADAL\telectrical\t1\n",
    w(3, (0, 1, 1), (0, 2, 1), (1, 2, 2), (2, 0, 5)),
)
case(
    "openworm herm_full_edgelist",
    "herm_full_edgelist.csv",
    "Source,Target,Weight,Type\nI1L , I2L           ,10,chemical\nI1L , I3            ,3,chemical\nI2L , I1L           ,2,chemical\nI3 , M4            ,1,electrical\nM4 , I3            ,1,electrical\n",
    w(4, (0, 1, 10), (0, 2, 3), (1, 0, 2), (2, 3, 1), (3, 2, 1)),
)
case(
    "cook 2020 pharynx",
    "cne24932-sup-0004-supinfo4.csv",
    "Source,Target,Weight,Type\nM5,pm7D,8,Chemical\nM4,M4,15,Chemical\nI2R,M4,32.5,Chemical\nM4,M4,15,Chemical\nM4,M4,1,Electrical\nM5,M4,2,Electrical\n",
    w(4, (2, 3, 8), (1, 1, 31), (0, 1, 32.5), (2, 1, 2)),
)
case(
    "durbin neurodata",
    "neurodata.txt",
    "ADAL\tADAR\tGap_junction\tJSH\t2\nADAR\tADAL\tGap_junction\tJSH\t2\nADAL\tAIBL\tSend\tN2U\t1\nAIBL\tADAL\tReceive\tN2U\t1\n",
    "(columns|edges|header)",
)
case(
    "circuitdata synapses",
    "synapses.csv",
    "from_id,to_id,synapse_type,count\n0,1,C,2\n1,2,E,1\n2,0,C,3\n3,0,C,1\n",
    w(4, (0, 1, 2), (1, 2, 1), (2, 0, 3), (3, 0, 1)),
)
case(
    "openworm Origin, Target",
    "connectome.csv",
    "Origin,Target,Type,Number of Connections,Neurotransmitter\nADAL,AIBL,Send,1,Glutamate\nAIBL,ADAL,Send,4,Acetylcholine\nADAL,ADAR,GapJunction,2,Generic_GJ\nADAR,ADAL,GapJunction,2,Generic_GJ\n",
    w(3, (0, 2, 1), (2, 0, 4), (0, 1, 2), (1, 0, 2)),
)
case(
    "index, Neuron, Target",
    "Connectome.csv",
    ",Neuron,Target,Number of Connections,Neurotransmitter\n4,ADAL,AVBR,7.0,exc\n5,AVBR,ADAL,2.0,inh\n6,AVBR,RIML,3.0,exc\n",
    w(3, (0, 1, 7), (1, 0, 2), (1, 2, 3)),
)
case(
    "hemibrain",
    "traced-total-connections.csv",
    "bodyId_pre,bodyId_post,weight\n202916528,203253253,2\n202916528,5813021736,6\n5813021736,202916528,4\n203253253,294792184,1\n294792184,5813021736,9\n",
    w(4, (0, 1, 2), (0, 3, 6), (3, 0, 4), (1, 2, 1), (2, 3, 9)),
)
case(
    "larva edge list",
    "matched_left_edgelist.csv",
    "992646,15770867,3\n992646,1419315,1\n1622901,992646,1\n1419315,1622901,4\n15770867,1622901,2\n",
    w(4, (0, 3, 3), (0, 1, 1), (2, 0, 1), (1, 2, 4), (3, 2, 2)),
)
case(
    "budapest csv",
    "budapest.csv",
    "id_node1;id_node2;name_node1;name_node2;parent_id_node1;parent_id_node2;parent_name_node1;parent_name_node2;minimum_edge_confidence;median;average;\n1;2;rh.lof_1;rh.lof_2;1;1;rh.lof;rh.lof;477;13;15.2;\n2;3;rh.lof_2;rh.po_1;1;2;rh.lof;rh.po;400;7;7.5;\n",
    "id_node1.*(columns|source|edges)",
)
case(
    "h01 synapses",
    "synapses.csv",
    "x,y,z,pre_id,post_id,pre_celltype,post_celltype,post_compartment\n442184,191008,68080,648518346349368558,648518346349532006,-1,1,2\n277176,178544,8320,648518346341406765,648518346349368558,1,1,2\n",
    "pre_id.*(columns|source|edges)",
)
case(
    "nest tsv",
    "connections.tsv",
    "delay\treceptor\tsource\tsynapse_model\ttarget\tweight\n1.5\t0\t1\tstatic_synapse\t2\t20.5\n1.5\t0\t2\tstatic_synapse\t3\t-82.0\n0.8\t0\t3\tstatic_synapse\t1\t20.5\n",
    w(3, (0, 1, 20.5), (1, 2, -82), (2, 0, 20.5)),
)
case(
    "five columns with weight",
    "edges.csv",
    "source,target,synapse_type,weight,delay_ms\n10,2,exc,0.5,1\n2,10,inh,-1.5,2\n2,3,exc,0.25,1\n",
    w(3, (2, 0, 0.5), (0, 2, -1.5), (0, 1, 0.25)),
)
case(
    "R data frame",
    "edges.csv",
    '"","from","to","weight"\r\n"1","V1","V2",0.5\r\n"2","V2","MT",1.5\r\n"3","MT","V1",-1\r\n',
    w(3, (1, 2, 0.5), (2, 0, 1.5), (0, 1, -1)),
)
case(
    "brian2 csv",
    "synapses.csv",
    "i,j,w\n0,1,0.5\n1,2,1.5\n2,0,-1\n0,3,2\n3,1,1\n",
    w(4, (0, 1, 0.5), (1, 2, 1.5), (2, 0, -1), (0, 3, 2), (3, 1, 1)),
)
case(
    "networkx dict",
    "worm.edgelist",
    "AVAL AVAR {'weight': 3, 'type': 'chem'}\nAVAR PVCL {'weight': 1.5}\n",
    w(3, (0, 1, 3), (1, 2, 1.5)),
)
case(
    "networkx dict of value",
    "worm.edgelist",
    "1 51 {'value': 1}\n1 72 {'value': 2}\n",
    "value, and no weight",
)
M = np.array([[0, 2, 0, 1], [3, 0, 0.5, 0], [0, 0, 0, 4], [1, 0, 6, 0]])
N = len(M)


def rows(mark, names=None, corner="", form="{:g}"):
    body = [mark.join(form.format(v) for v in row) for row in M]
    if names is None:
        return "\n".join(body) + "\n"
    body = [f"{name}{mark}{line}" for name, line in zip(names, body, strict=True)]
    return "\n".join([mark.join([corner, *names]), *body]) + "\n"


case(
    "winding 2023",
    "all-all_connectivity_matrix.csv",
    rows(",", ["29", "17068730", "8198238", "2095743"], form="{:.1f}"),
    np.round(M, 1),
)
case(
    "winding 2023, skids with 1, 2",
    "ad_connectivity_matrix.csv",
    rows(",", ["0", "1", "2", "3"]),
    M,
)
case(
    "allen W_ipsi",
    "nature13186-s4_W_ipsi.csv",
    rows(",", ["FRP", "MOp", "MOs", "SSp-n"], corner="ROOT"),
    M,
)
case("enigma, hcp", "strucMatrix_ctx.csv", rows(","), M)
case(
    "mrtrix",
    "connectome.csv",
    "# command_history: tck2connectome tracks.tck nodes.mif connectome.csv  (version=3.0.4)\n"
    + rows(","),
    M,
)
case(
    "tvb weights.txt",
    "weights.txt",
    "".join("   " + "   ".join(f"{v:.7e}" for v in r) + " \r\n" for r in M),
    M,
)
case(
    "tvb capacity, labels above",
    "output_ConnectionCapacityMatrix.csv",
    "132,126,104,32\n-1,8.1,-1,2\n8.1,-1,5.5,-1\n-1,5.5,-1,6\n2,-1,6,-1\n",
    "labels",
)
case(
    "emmons male_chem, two headers",
    "male_chem.csv",
    ",,PHARYNX - NEURONS,,SENSORY,,\n,,I1L,I1R,ADFL,ADFR,\nPHARYNX,I1L,,10,,3,I1L\n,I1R,2,,,,I1R\nSENSORY,ADFL,,,1,,ADFL\n,ADFR,,4,,,ADFR\n",
    "(header|two rows|names above)",
)


def cook(path):
    import pandas

    groups = [None, None, None, "PHARYNX", None, "SENSORY NEURONS", None, None]
    heads = [None, None, None, "I1L", "I1R", "ADFL", "ADFR", None]
    chemical = [["Neurons", *[None] * 7], groups, heads] + [
        [None, "PHARYNX" if i == 0 else None, n, *[v or None for v in row], n]
        for i, (n, row) in enumerate(zip(heads[3:7], M, strict=True))
    ]
    gap = pandas.DataFrame(M + M.T, index=heads[3:7], columns=heads[3:7])
    with pandas.ExcelWriter(path) as book:
        pandas.DataFrame(chemical).to_excel(
            book, sheet_name="hermaphrodite chemical", header=False, index=False
        )
        gap.to_excel(book, sheet_name="herm gap jn symmetric")


case(
    "cook 2019 xlsx",
    "SI 5 Connectome adjacency matrices.xlsx",
    cook,
    "(sheets?|hermaphrodite chemical)",
)
case(
    "cook 2019 xlsx, sheet named",
    "SI 5 Connectome adjacency matrices.xlsx",
    cook,
    M + M.T,
    key="herm gap jn symmetric",
)


def two_sheets(path):
    import pandas

    with pandas.ExcelWriter(path) as book:
        for name, matrix in (("W_ipsi", M), ("PValue_ipsi", M * 0 + 0.5), ("W_contra", 3 * M)):
            pandas.DataFrame(matrix, index=list("abcd"), columns=list("abcd")).to_excel(
                book, sheet_name=name
            )


case("allen xlsx", "nature13186-s4.xlsx", two_sheets, M)
case("allen xlsx, sheet named", "nature13186-s4.xlsx", two_sheets, 3 * M, key="W_contra")
NAMES = np.array(["V1", "V2", "V3A", "MT"], dtype=object)


def mat(**arrays):
    return lambda path: scipy.io.savemat(path, arrays)


case(
    "bct fve30",
    "fve30.mat",
    mat(CIJ=(M > 0).astype(np.uint8), Names=np.array(["V1  ", "V2  ", "V3A ", "MT  "])),
    (M > 0) * 1.0,
)
case("bct macaque71, names in cells", "macaque71.mat", mat(CIJ=M, Names=NAMES.reshape(-1, 1)), M)
CAT = mat(CIJall=np.kron(np.eye(2), M), CIJctx=M, Names=NAMES.reshape(-1, 1))
case("bct cat", "cat.mat", CAT, "CIJall \\(8, 8\\), CIJctx \\(4, 4\\)")
case("bct cat, named", "cat.mat", CAT, M, key="CIJctx")
case(
    "bct coactivation",
    "Coactivation_matrix.mat",
    mat(Coactivation_matrix=M, Coord=np.ones((4, 3))),
    M,
)
case(
    "suitesparse struct",
    "celegansneural.mat",
    mat(
        Problem={
            "A": scipy.sparse.csc_matrix(M),
            "name": "Newman/celegansneural",
            "kind": "directed graph",
        }
    ),
    "Problem.*struct",
)
case("group mat", "SC_all.mat", mat(SC=np.stack([M, M, 2 * M, M, M], 2)), "SC \\(4, 4, 5\\)")
case(
    "dsi studio mat",
    "1.aal.count.connectivity.mat",
    mat(
        connectivity=M.astype(np.float32),
        name=np.array([list(b"V1\nV2\n")], np.uint8),
        atlas=np.array([list(b"aal")], np.uint8),
    ),
    M,
)


def tvb_h5(path):
    import h5py

    with h5py.File(path, "w") as file:
        file["weights"], file["tract_lengths"], file["areas"] = (M, M * 9, np.ones(4))
        file["region_labels"] = np.array([b"rA1", b"rA2", b"lA1", b"lA2"])


case("tvb h5", "Connectivity_74.h5", tvb_h5, "weights \\(4, 4\\)")
case("tvb h5, named", "Connectivity_74.h5", tvb_h5, M, key="weights")
case(
    "npz pre, post, weight",
    "connectome.npz",
    lambda p: np.savez(p, pre=[10, 20, 30], post=[20, 30, 10], weight=[1.0, 2.0, 3.0]),
    "(edges|lists|no square)",
)
case("scipy npz", "fly.npz", lambda p: scipy.sparse.save_npz(p, scipy.sparse.csr_matrix(M)), M)
case(
    "network repository mtx",
    "bn-mouse.mtx",
    "%%MatrixMarket matrix coordinate pattern symmetric \n4 4 3 \n2 1 \n3 1 \n4 3 \n",
    w(4, (0, 1, 1), (0, 2, 1), (2, 3, 1), both=True),
)
case(
    "suitesparse mtx",
    "celegansneural.mtx",
    "%%MatrixMarket matrix coordinate integer general\n%-----\n% UF Sparse Matrix Collection, Tim Davis\n%-----\n4 4 3\n2 1 1\n3 1 2\n1 4 6\n",
    w(4, (0, 1, 1), (0, 2, 2), (3, 0, 6)),
)
case(
    "mtx named .edges",
    "bn-mouse.edges",
    "%%MatrixMarket matrix coordinate pattern symmetric\n4 4 3\n2 1\n3 1\n4 3\n",
    "(MatrixMarket|\\.mtx)",
)
case(
    "pandas index, two columns known",
    "edges.csv",
    ",source,target\n0,A,B\n1,B,C\n2,C,A\n3,A,D\n",
    w(4, (0, 1, 1), (1, 2, 1), (2, 0, 1), (0, 3, 1)),
)
case(
    "pandas index, two columns unknown",
    "edges.csv",
    ",pre_root_id,post_root_id\n0,720575940600000000,720575940610000000\n1,720575940610000000,720575940620000000\n2,720575940620000000,720575940600000000\n3,720575940630000000,720575940600000000\n",
    w(4, (0, 1, 1), (1, 2, 1), (2, 0, 1), (3, 0, 1)),
)
case(
    "post before pre",
    "edges.csv",
    "post_id,pre_id,weight\n2,1,5\n3,2,7\n1,3,9\n4,1,2\n2,4,1\n",
    w(4, (0, 1, 5), (1, 2, 7), (2, 0, 9), (0, 3, 2), (3, 1, 1)),
)
case(
    "snap csv, header of two",
    "musae_edges.csv",
    "id_1,id_2\n0,1\n1,2\n2,0\n3,0\n",
    w(4, (0, 1, 1), (1, 2, 1), (2, 0, 1), (3, 0, 1)),
)
case(
    "header of two in .edges",
    "musae.edges",
    "id_1,id_2\n0,1\n1,2\n2,0\n3,0\n",
    w(4, (0, 1, 1), (1, 2, 1), (2, 0, 1), (3, 0, 1)),
)
case(
    "networkx dict in .txt",
    "worm.txt",
    "0 1 {'weight': 3}\n1 2 {'weight': 1.5}\n2 0 {'weight': 1}\n",
    w(3, (0, 1, 3), (1, 2, 1.5), (2, 0, 1)),
)
case(
    "names with _",
    "layers.edges",
    "1_1 1_2 5\n1_2 1_10 6\n1_10 11_0 7\n11_0 1_1 8\n",
    w(4, (1, 3, 5), (3, 2, 6), (2, 0, 7), (0, 1, 8)),  # 11_0, 1_1, 1_10, 1_2
)
case(
    "mrtrix, not symmetric",
    "connectome.csv",
    "0,2,0,1\n0,0,3,0\n0,0,0,4\n0,0,0,0\n",
    w(4, (1, 0, 2), (3, 0, 1), (2, 1, 3), (3, 2, 4)),
)
case(
    "graphml, Weight",
    "gephi.graphml",
    XML
    + '<key attr.name="Weight" attr.type="double" for="edge" id="w"/>\n<graph edgedefault="directed">\n<node id="a"/><node id="b"/>\n<edge source="a" target="b"><data key="w">3.5</data></edge>\n</graph></graphml>',
    w(2, (0, 1, 3.5)),
)
