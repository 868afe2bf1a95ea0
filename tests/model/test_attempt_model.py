"""Every interleaving of the attempts at one task, with deaths, delayed requests, a deletion and a lost node.

The claim of an attempt is its pod's name; the launcher's own claim stands behind it.  What is modelled,
and where it is implemented:

* the intent (a row in `status.running`) before the pod, and only for the version planned from:
  `controller.dispatch.start`, `controller.executor.Executor.perform`;
* creating the pod of a row that has none, or a void pod when the task is to be deleted:
  `controller.observe.observe`, `Executor._create`;
* what follows from an end, the record before the mark: `controller.record.over` and `never_ran`;
  that appending is idempotent is `test_accounting_model`'s;
* giving up a lost node: `controller.observe._lost`; an attempt given up unseen, whose claim the launcher of
  the next one asks for: `claim_attempt` in `launcher/launcher.sh`, `controller.record._begun_earlier`;
* pods without a row, judged only by a GridJob read later than they were: `Reconciler._strays`;
* the claim in the run directory, kept longer than any pod: `claim` in `launcher/launcher.sh`.

A controller may forget what it knows at any point, which is what a death is; a second one stands for a
leader that was replaced and does not know it.  A creation may be under way for ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from mc import Result, explore

Step = tuple[str, "State"]

ENDED = "EQKNUB"
RAN = "EQK"
MOST_PODS = 2
"""Of one attempt, one after the other."""


class Pod(NamedTuple):
    """A pod, as its node knows it."""

    attempt: int
    number: int
    """Tells two pods of one name apart, as a uid does."""
    life: str = "P"
    """P not started, R running. Ended: E with 0, Q with 99, K killed, N before it started, U claim lost,
    B an earlier one had begun."""
    lost: bool = False
    """Its node does not answer, but may live."""
    deleting: bool = False
    stored: bool = True
    """Its object is there."""


class Job(NamedTuple):
    """What the GridJob says of the task."""

    deleted: bool = False
    row: int = 0
    """The attempt in `status.running`; 0: none."""
    last: int = 0
    over: bool = False
    unseen: frozenset[int] = frozenset()
    """Attempts given up that were not seen to run."""


Seen = tuple[tuple[int, int, str, bool], ...]
"""(attempt, number, life or L or V, deleting) of each object: what a list of pods shows."""


class Controller(NamedTuple):
    """What one controller knows, and is about to write."""

    job: Job | None = None
    fresh: bool = False
    """Nobody has written the GridJob since it was read."""
    pods: Seen | None = None
    pods_first: bool = False
    """The pods were read before the GridJob."""
    write: Job | None = None
    """The status write that follows the record it has just made sure of."""


class State(NamedTuple):
    """All that is in the world."""

    job: Job = Job()
    pods: tuple[Pod, ...] = ()
    voids: frozenset[int] = frozenset()
    claims: tuple[int, ...] = (0, 0)
    ran: tuple[int, ...] = (0, 0)
    records: tuple[int, ...] = (0, 0)
    under_way: tuple[int, ...] = ()
    """Attempts whose creation was sent and has not arrived."""
    given_up: frozenset[int] = frozenset()
    controllers: tuple[Controller, ...] = ()
    losses: int = 0
    delays: int = 0
    fault: str = ""


@dataclass(frozen=True)
class Protocol:
    """The protocol, and what becomes of it when a part is left out."""

    controllers: int = 1
    losses: int = 0
    delays: int = 0
    rerunnable: bool = False
    node_removed: bool = False
    """Whoever lost a node also removes its object, so that it is given up."""
    asks_for_earlier_claims: bool = True
    intent: bool = True
    """False: the pod is created before the row is written."""
    void: bool = True
    """False: an attempt without a pod is simply dropped when its task is deleted."""
    keep_unrun: bool = True
    """False: the name of an attempt that never ran is given back at once."""
    launcher_claims: bool = True
    strays_checked: bool = True
    """False: pods without a row are judged by whatever GridJob is remembered."""

    def start(self) -> State:
        return State(controllers=(Controller(),) * self.controllers, losses=self.losses, delays=self.delays)

    def steps(self, state: State) -> Iterator[Step]:
        """Everything that can happen next."""
        if not state.job.deleted and not state.job.over:
            yield "the user deletes the task", written(state, state.job._replace(deleted=True))
        for attempt in sorted(set(state.under_way)):
            rest = list(state.under_way)
            rest.remove(attempt)
            yield (
                f"the creation of {attempt} arrives",
                created(state._replace(under_way=tuple(rest)), attempt),
            )
        for pod in state.pods:
            yield from self.node(state, pod)
        for number, one in enumerate(state.controllers):
            yield from self.control(state, number, one)

    # ------------------------------------------------------------ the node

    def node(self, state: State, pod: Pod) -> Iterator[Step]:
        """What a kubelet and a launcher do with a pod, and what becomes of the node."""
        name = f"pod {pod.attempt}.{pod.number}"
        if pod.life == "P":
            if pod.deleting and not pod.lost:
                yield f"{name} is deleted before it starts", changed(state, pod, life="N")
            else:
                yield self.launch(state, pod, name)
        elif pod.life == "R":
            yield f"{name} exits 0", changed(state, pod, life="E")
            yield f"{name} exits 99", changed(state, pod, life="Q")
            if pod.deleting and not pod.lost:
                yield f"{name} is killed", changed(state, pod, life="K")
        if state.losses and pod.life in "PR" and not pod.lost:
            yield f"the node of {name} is lost", changed(state._replace(losses=0), pod, lost=True)
        if pod.lost and pod.stored:
            yield f"the node of {name} is back", changed(state, pod, lost=False)
        elif pod.lost:
            yield f"the node of {name} is back and ends it", removed(state, pod)

    def launch(self, state: State, pod: Pod, name: str) -> Step:
        """The launcher claims the attempt and starts the program, or ends."""
        index = pod.attempt - 1
        if self.launcher_claims and state.claims[index]:
            return f"{name} finds the attempt claimed", changed(state, pod, life="U")
        claims = put(state.claims, index, pod.number)
        unseen = [one for one in sorted(state.job.unseen) if one < pod.attempt]
        for one in unseen if self.asks_for_earlier_claims else ():
            if claims[one - 1]:
                begun = changed(state._replace(claims=claims), pod, life="B")
                return f"{name} finds that {one} had begun", begun
            claims = put(claims, one - 1, -pod.attempt)
        ran = put(state.ran, index, state.ran[index] + 1)
        after = state._replace(ran=ran, claims=claims)
        fault = ""
        if ran[index] > 1:
            fault = "one attempt runs twice"
        elif any(ran[one - 1] for one in unseen):
            fault = "an attempt starts although an earlier one had begun unseen"
        elif state.job.over and pod.attempt not in state.given_up:
            fault = "a program starts after its task was declared over"
        elif any(
            other.life == "R"
            and other.attempt != pod.attempt
            and not {other.attempt, pod.attempt} & state.given_up
            for other in state.pods
        ):
            fault = "an attempt starts while another runs"
        return f"{name} starts the program", changed(after._replace(fault=fault), pod, life="R")

    # ------------------------------------------------------------ the controller

    def control(self, state: State, number: int, one: Controller) -> Iterator[Step]:
        """Forget, read, or do the one thing that follows from what was read."""
        me = f"controller {number}"
        if one != Controller():
            yield f"{me} dies", known(state, number, Controller())
        if one.write is not None:
            if one.fresh:
                yield f"{me} marks the attempt", written(known(state, number, Controller()), one.write)
            return
        if one.job is None:
            first = one.pods is not None
            after = one._replace(job=state.job, fresh=True, pods_first=first)
            yield f"{me} reads the GridJob", known(state, number, after)
        if one.pods is None:
            yield f"{me} reads the pods", known(state, number, one._replace(pods=seen(state)))
        if one.job is not None and one.pods is not None:
            for label, then in self.act(state, number, one, one.job, one.pods):
                yield f"{me} {label}", then

    def act(self, state: State, number: int, one: Controller, job: Job, pods: Seen) -> Iterator[Step]:
        """The plan for what was read."""
        done = known(state, number, Controller())
        yield from self.let_go(done, one, job, pods)
        if job.over:
            return
        if not job.row:
            yield from self.intend(done, one, job)
            return
        found = [row for row in pods if row[0] == job.row]
        if not found:
            yield from self.missing(done, one, job)
            return
        _, pod, life, deleting = found[0]
        after = job._replace(row=0, over=job.deleted)
        if life in "VNU":
            if one.fresh:
                yield "notes that it never ran", written(self.unrun(done, job.row), after)
        elif life == "B":
            # The run that is over is the earlier one, lost with its node.
            (begun,) = job.unseen
            again = self.rerunnable and not job.deleted and job.row < len(state.ran)
            after = after._replace(over=not again, unseen=frozenset())
            yield self.record(state, number, one, begun, after)
        elif life in RAN:
            again = life == "Q" and not job.deleted and job.row < len(state.ran)
            yield self.record(state, number, one, job.row, after._replace(over=not again))
        elif job.deleted and not deleting:
            yield f"deletes pod {job.row}.{pod}", deletion(done, job.row, pod)
        elif life == "L" and (self.rerunnable or self.node_removed):
            yield from self.give_up(state, number, one, job, pod)

    def intend(self, done: State, one: Controller, job: Job) -> Iterator[Step]:
        ended = job.deleted or job.last == len(done.ran)
        if ended:
            if one.fresh:
                yield "declares the task over", written(done, job._replace(over=True))
        elif self.intent:
            if one.fresh:
                after = job._replace(row=job.last + 1, last=job.last + 1)
                yield f"intends attempt {after.row}", written(done, after)
        else:
            attempt = job.last + 1
            made = created(done, attempt)
            if one.fresh:
                row = job._replace(row=attempt, last=attempt)
                yield f"creates pod {attempt} and notes it", written(made, row)
            yield f"creates pod {attempt} and dies", made

    def missing(self, done: State, one: Controller, job: Job) -> Iterator[Step]:
        """A row whose pod is not there, as far as was seen."""
        if job.deleted and self.void:
            free = not any(pod.stored and pod.attempt == job.row for pod in done.pods)
            after = done._replace(voids=done.voids | {job.row}) if free else done
            yield f"takes the name of {job.row}", after
        elif job.deleted:
            if one.fresh:
                yield "drops the row", written(done, job._replace(row=0, over=True))
        else:
            yield f"creates pod {job.row}", created(done, job.row)
            if done.delays:
                under_way = (*done.under_way, job.row)
                yield f"sends the creation of {job.row}", done._replace(delays=0, under_way=under_way)

    def record(self, state: State, number: int, one: Controller, attempt: int, after: Job) -> Step:
        """Under the lock on the accounting file, once; then the mark."""
        index = attempt - 1
        records = put(state.records, index, 1)
        fault = "" if state.ran[index] or attempt in state.given_up else "a record of what never ran"
        next_ = Controller(job=one.job, fresh=one.fresh, pods=one.pods, write=after)
        return f"records {attempt}", known(state._replace(records=records, fault=fault), number, next_)

    def give_up(self, state: State, number: int, one: Controller, job: Job, pod: int) -> Iterator[Step]:
        """The node does not answer: the next attempt may begin although this one may still run."""
        lost = next(p for p in state.pods if (p.attempt, p.number) == (job.row, pod))
        given_up = state._replace(given_up=state.given_up | {job.row})
        after = job._replace(row=0, over=job.deleted or job.row == len(state.ran))
        # What the node says last may never arrive, so it may have begun and be taken for one that has not.
        if lost.life == "P" or (lost.life == "R" and self.node_removed):
            after = after._replace(unseen=after.unseen | {job.row})
            marked = deletion(known(given_up, number, Controller()), job.row, pod)
            if one.fresh:
                yield f"gives up {job.row}, which was not seen to run", written(marked, after)
        else:
            label, step = self.record(given_up, number, one, job.row, after)
            yield f"gives up a lost node, {label}", step

    def unrun(self, done: State, attempt: int) -> State:
        if self.keep_unrun:
            return done
        left = tuple(pod for pod in done.pods if not (pod.attempt == attempt and pod.life in "NU"))
        return done._replace(voids=done.voids - {attempt}, pods=left)

    def let_go(self, done: State, one: Controller, job: Job, pods: Seen) -> Iterator[Step]:
        """Pods without a row: end them, and remove those whose run is recorded."""
        if self.strays_checked and not one.pods_first:
            return
        for attempt, number, life, deleting in pods:
            if attempt == job.row:
                continue
            if life in "PR" and not deleting:
                wanted = attempt == done.job.row and not done.job.deleted
                after = done._replace(fault="a run is ended that nobody wants to end" if wanted else "")
                yield f"ends the stray {attempt}.{number}", deletion(after, attempt, number)
            found = [p for p in done.pods if (p.attempt, p.number) == (attempt, number)]
            ended = life in RAN or life == "B"
            if found and (ended or (life == "L" and attempt in done.given_up)):
                pod = found[0]
                lives_on = pod.lost and pod.life in "PR"
                after = changed(done, pod, stored=False) if lives_on else removed(done, pod)
                yield f"lets go of {attempt}.{number}", after


# ---------------------------------------------------------------- small changes of a state


def put(values: tuple[int, ...], index: int, value: int) -> tuple[int, ...]:
    return (*values[:index], value, *values[index + 1 :])


def written(state: State, job: Job) -> State:
    """A write of the GridJob: what others have read of it is old."""
    if job == state.job:
        return state
    others = tuple(one._replace(fresh=False) for one in state.controllers)
    return state._replace(job=job, controllers=others)


def known(state: State, number: int, one: Controller) -> State:
    controllers = (*state.controllers[:number], one, *state.controllers[number + 1 :])
    return state._replace(controllers=tuple(sorted(controllers, key=repr)))


def created(state: State, attempt: int) -> State:
    """A creation: nothing happens when the name is taken."""
    stored = [pod for pod in state.pods if pod.attempt == attempt and pod.stored]
    number = sum(1 for pod in state.pods if pod.attempt == attempt) + state.ran[attempt - 1] + 1
    if stored or attempt in state.voids or number > 1 + MOST_PODS:
        return state
    return state._replace(pods=tuple(sorted((*state.pods, Pod(attempt, number)))))


def changed(state: State, pod: Pod, **changes: object) -> State:
    after = pod._replace(**changes)  # type: ignore[arg-type]  # names and values of Pod
    return state._replace(pods=tuple(sorted(after if one == pod else one for one in state.pods)))


def removed(state: State, pod: Pod) -> State:
    return state._replace(pods=tuple(one for one in state.pods if one != pod))


def deletion(state: State, attempt: int, number: int) -> State:
    for pod in state.pods:
        if (pod.attempt, pod.number) == (attempt, number) and pod.stored:
            return changed(state, pod, deleting=True)
    return state


def seen(state: State) -> Seen:
    pods = [
        (pod.attempt, pod.number, "L" if pod.lost else pod.life, pod.deleting)
        for pod in state.pods
        if pod.stored
    ]
    return tuple(sorted([*pods, *((attempt, 0, "V", False) for attempt in state.voids)]))


# ---------------------------------------------------------------- what must hold


def wrong(state: State) -> str | None:
    return state.fault or None


def settled(state: State) -> bool:
    """The task is over, nothing of it runs, each run has its record, and only taken names are left."""
    told = all(
        state.records[index] == state.ran[index]
        or (index + 1 in state.given_up and not asked_for(state, index))
        for index in range(len(state.ran))
    )
    return state.job.over and told and all(pod.life in "NU" for pod in state.pods)


def asked_for(state: State, index: int) -> bool:
    """Whether a later launcher has asked for the claim of an attempt."""
    return any(state.claims[index + 1 :]) and index + 1 not in state.job.unseen and state.ran[index] > 0


def run(protocol: Protocol) -> Result[State]:
    return explore(protocol.start(), protocol.steps, wrong)


def safe(protocol: Protocol) -> Result[State]:
    result = run(protocol)
    assert not result.violations, result.story()
    stuck = result.stuck(settled)
    assert not stuck, result.trace(stuck[0])
    return result


def test_one_controller_and_a_creation_that_arrives_late() -> None:
    assert safe(Protocol(delays=1)).states > 1000


def test_two_controllers_that_do_not_know_of_each_other() -> None:
    assert safe(Protocol(controllers=2)).states > 10000


def test_a_lost_node_of_a_job_that_may_run_elsewhere() -> None:
    safe(Protocol(losses=1, delays=1, rerunnable=True))


def test_a_lost_node_of_a_job_that_may_not() -> None:
    safe(Protocol(losses=1, delays=1))


def test_a_lost_node_whose_object_is_removed() -> None:
    safe(Protocol(losses=1, node_removed=True))
    safe(Protocol(losses=1, node_removed=True, rerunnable=True))
    safe(Protocol(losses=1, delays=1, node_removed=True))


class FirstFaultError(Exception):
    """The search may end: something is violated."""


def first_fault(protocol: Protocol) -> str:
    """Return the first thing that a protocol violates, the search being broad; "" if nothing is."""

    def stop(state: State) -> str | None:
        if state.fault:
            raise FirstFaultError(state.fault)
        return None

    try:
        explore(protocol.start(), protocol.steps, stop)
    except FirstFaultError as found:
        return str(found)
    return ""


def test_without_an_intent_a_program_starts_after_the_end() -> None:
    fault = first_fault(Protocol(intent=False))
    assert fault == "a program starts after its task was declared over"


def test_dropping_a_row_whose_pod_is_not_seen_lets_it_start_later() -> None:
    fault = first_fault(Protocol(void=False, delays=1))
    assert fault == "a program starts after its task was declared over"


def test_giving_a_name_back_lets_a_late_creation_start() -> None:
    fault = first_fault(Protocol(keep_unrun=False, delays=1))
    assert fault == "a program starts after its task was declared over"


def test_without_the_launchers_claim_a_late_creation_runs_again() -> None:
    assert first_fault(Protocol(launcher_claims=False, delays=1)) == "one attempt runs twice"


def test_without_asking_for_earlier_claims_what_had_begun_unseen_runs_again() -> None:
    fault = first_fault(Protocol(losses=1, node_removed=True, asks_for_earlier_claims=False))
    assert fault == "an attempt starts although an earlier one had begun unseen"


def test_pods_without_a_row_must_not_be_judged_by_an_old_gridjob() -> None:
    fault = first_fault(Protocol(strays_checked=False, controllers=2))
    assert fault == "a run is ended that nobody wants to end"
