"""How many gates, states and derivatives the recurrent cells have; known without any compiler."""

from typing import NamedTuple


class Cell(NamedTuple):
    number: int  # by which compiled code knows it
    gates: int
    factors: int  # elementwise derivatives of a unit that the tape keeps
    states: int  # of a unit


CELLS = {
    "rnn": Cell(0, 1, 2, 1),
    "relu": Cell(0, 1, 2, 1),
    "gru": Cell(1, 3, 5, 1),
    "reset_gru": Cell(2, 3, 5, 1),
    "lstm": Cell(3, 4, 6, 2),
}
RNN, GRU, RESET_GRU, LSTM = range(4)
