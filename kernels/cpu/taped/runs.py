"""What the kernels of `taped` tell the two C functions of a system."""

from collections import namedtuple

from ...jit import inlined
from ..simd.records import Record
from ..simd.vectors import address, on_stack

# Members `first` to `first + count` of x through `steps` steps. What the tangents need goes to
# `tape`, `row` elements a stage, if it is to be `taped`, for tangents or for cotangents; else there
# is room for one stage. work: `state_work` elements.
StateRun = namedtuple("StateRun", "stop model first count step steps taped x work tape")
STATE_RUN = Record(StateRun, vectors="tape", doubles="x work", indices="model", flags="stop")

FOR_TANGENTS, FOR_COTANGENTS = 1, 2  # what a tape may be meant for

# Strips `begin` to `end` of tangent columns of the members that a tape belongs to, through its
# `stages`. Of all strips together `columns` are in use. Members are q_step apart in q, their strips
# `edges` times n. work: `strip_work` elements.
StripRun = namedtuple(
    "StripRun", "stop model first count stages tape edges begin end lanes columns work q q_step"
)
STRIP_RUN = Record(StripRun, vectors="tape work q", indices="model edges", flags="stop")

# What the kernels know of a run: steps between two QRs and stages in them; members that make a job;
# room for a stage on the tape, and for work of a state and of strips; `unit` as in `accumulate`;
# lanes of a register of tangents.
Schedule = namedtuple(
    "Schedule", "step intervals steps stages group row state_work strip_work unit lanes"
)


@inlined
def take_steps(stop, state_run, model, first, count, step, steps, taped, x, work, tape):
    """Call a system's `StateRun`; work and tape are addresses."""
    run = StateRun(
        address(stop), address(model), first, count, step, steps, taped, address(x), work, tape
    )
    state_run(on_stack(run))
