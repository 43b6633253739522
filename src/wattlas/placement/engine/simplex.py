"""One hour: primal simplex with generalised upper bounds, from whatever basis it is given.

After Dantzig and Van Slyke (1967); `docs/engine.md` tells the algorithm and its phases.
"""

from __future__ import annotations

from wattlas.placement.engine.basis import (
    cost_of,
    eliminate,
    refactorise,
    set_basic,
    set_costs,
    set_duals,
    set_values,
    swap_key,
    transform,
)
from wattlas.placement.engine.candidates import (
    find_candidates,
    finds_anew,
    gain_of,
    price_candidates,
    set_column,
)
from wattlas.placement.engine.jit import kernel
from wattlas.placement.engine.pricing import (
    best_column,
    choose_keys,
    largest_cost,
    magnitude,
    set_weights,
)
from wattlas.placement.engine.ratio import (
    bland_step,
    feasible_step,
    key_rates,
    long_step,
    mark_negative,
    move,
)
from wattlas.placement.engine.state import (
    ALPHA,
    BASICS,
    BIG,
    CANDIDATES,
    DUAL,
    F8,
    GAVE_UP,
    GPU,
    I8,
    INFEASIBLE,
    LIMIT,
    NEGATIVES,
    OPEN,
    OPTIMAL,
    PERTURBED,
    PIVOTS,
    POINT,
    REGION,
    ROWS,
    SEED,
    SINCE,
    SOURCE,
    STALLED,
    Hour,
    Program,
    Scratch,
    Working,
)

# Tuning. Pivots and CPU time were measured over 500 hours of L and 1,500 of M with one point, and
# 120 of L with three (benchmarks/shared.py), beside other work: times are good to a fifth. Where a
# comment says "no pivot changes", half and twice the value gave the same pivots in 168 and 48 hours
# of L with one point and three, and in 168 hours of M.

_REFACTOR_EVERY = 100
"""Basis changes between refactorisations: rounding in the inverse against the work to rebuild it.
Flat: with 50 or 200 pivots differ by 2 %, times by no more than they are good to."""
_TAKE = 0.3
"""Candidates scoring at least this part of the best are taken before the next scan: good pivots
against few scans. 0.1 takes 40 to 48 % more pivots in the same time, 0.6 takes 13 to 16 % fewer
but scans more; over one point, where a scan is cheap, the times are equal."""
_WORN = 0.01
"""Only the candidates that were found are priced again until the best falls to this part of what it
was: cheap passes against good candidates. Of a frontier of the embedded world 0.1 takes a tenth
more passes over all sources and a tenth fewer pivots; 0 an eighth fewer and a tenth more."""
_GAP = 1e-12
"""A gain over the whole demand below this part of the objective, shared among the sources, counts
as zero: it is the duality gap that is left. Sums of doubles carry no more. No pivot changes."""
_SLACK = 1e-12
"""Values above minus this part of all demand count as zero: a larger part is a worse answer, a
smaller one takes rounding for infeasibility. No pivot changes."""
_RAISE, _RAISES = 16.0, 12
"""The penalty on what is negative grows by this factor so often: 16¹² is 3e14, nearly all digits of
a double. A large first penalty would hide the costs behind rounding. No pivot changes."""
_PATIENCE, _LAST_PATIENCE = 5, 20
"""Pivots without progress, in multiples of the rows, before limits are perturbed, and before
Bland's rule, which cannot cycle and is slow. No pivot changes with 2 and 10: none waits so long."""
_PERTURB, _PERTURBS = 1e-7, 3
"""Size of a perturbation, of all demand over the rows, and how many are tried: well above `_SLACK`,
so that ties part, and small enough that the basis is still good without it. No pivot changes."""
_FARKAS = 1e-10
"""By how much of its terms a proof of infeasibility must exceed rounding: more gives hours to
HiGHS, less calls rounding a proof. Not measured: no hour of L or M is infeasible."""
_TINY = 1e-300


@kernel
def solve_hour(p: Program, h: Hour, b: Working, w: Scratch, most: int) -> int:
    """Solve the hour from the basis at hand, whose inverse must match it. Returns how it ended."""
    count, sources, rows = w.counters, h.demand.shape[0], b.vec.shape[1]
    total = set_weights(h.demand, w.weight)
    if not begin(p, h, b, w):
        return INFEASIBLE
    slack = _SLACK * total
    base = first_penalty(b.vec, max(magnitude(h.demand, b.key_cost), _TINY) / total)
    last = count[PIVOTS] + most
    raises, perturbs, troubles, highest, penalty, least = 0, 0, 0, 0.0, 0.0, (0.0, 0.0)
    width, fresh, stale, again = h.tariff.shape[1], count[SINCE] == 0, True, False
    while count[PIVOTS] <= last:
        # Phase 1, values and duals: a penalty on what is negative, none once nothing is.
        if stale:
            set_values(p.unit, h, b)
            stale, again = False, False
        # Phase 2, pricing: the candidates that are left until they are worn, then all sources.
        if again:
            top = price_candidates(p, h, b, w, least[0], least[1])
            again = top >= _WORN * highest
        if not again:
            mark_negative(b, w, slack)
            penalty = base if count[NEGATIVES] > 0 else 0.0
            set_duals(b, penalty)
            size = max(magnitude(h.demand, b.key_cost), _TINY)
            least = _GAP * size / max(sources, 1), _GAP * (size / total + penalty)
            highest = top = find_candidates(p, h, b, w, penalty, least[0], least[1])
        again = penalty == 0.0 and top > 0.0
        # Phase 3, pivots: on the candidates near the best; refactorise when there were enough.
        if top > 0.0:
            fresh = False
            if count[STALLED] > _PATIENCE * rows and not count[PERTURBED] and perturbs < _PERTURBS:
                perturb(h.limit, b.vec, count, _PERTURB * total / rows)
                perturbs, stale = perturbs + 1, True
                continue
            fine = take_candidates(p, h, b, w, top, penalty, 0.1 * slack)
            if not fine:
                troubles += 1
                base *= _RAISE if penalty > 0.0 else 1.0
                if troubles > _RAISES:
                    return GAVE_UP
            if not fine or count[SINCE] >= _REFACTOR_EVERY:
                refactorise(p.unit, b, w, width)
                stale = True
        # Phase 4, proof: nothing gains. From a fresh inverse, under the true limits, feasible?
        elif not fresh:
            refactorise(p.unit, b, w, width)
            stale, fresh = True, True
        elif count[PERTURBED]:
            restore(h.limit, b.vec, count)
            stale = True
        elif count[NEGATIVES] == 0:
            return OPTIMAL
        elif raises == _RAISES or certifies_infeasible(p, h, b.vec):
            return GAVE_UP if raises == _RAISES else INFEASIBLE
        else:
            raises += 1
            # Keys may cost nothing: then the other columns say how large a penalty must be.
            base = max(base * _RAISE, largest_cost(p, h))
    return GAVE_UP


@kernel
def begin(p: Program, h: Hour, b: Working, w: Scratch) -> bool:
    """Costs of this hour, and open keys; False where a source with demand has no open column."""
    vec, key, count = b.vec, b.key, w.counters
    count[PERTURBED], count[STALLED] = 0, 0
    set_costs(p, h.tariff, b)
    cold = True
    for i in range(vec.shape[1]):
        cold = cold and b.basic[i, SOURCE] < 0
    if cold:
        vec[DUAL, :] = 0.0
    choose_keys(p, h.tariff, b, w, cold)
    for s in range(key.shape[0]):
        if key[s, BASICS] == 0 and b.key_cost[s] >= OPEN and h.demand[s] > 0.0:
            return False
    return True


@kernel
def first_penalty(vec: F8, mean_cost: float) -> float:
    """A penalty of the order of the duals to come; raised later where it is too small."""
    top = mean_cost
    for k in range(vec.shape[1]):
        top = max(top, abs(vec[DUAL, k]))
    return 2.0 * top


@kernel
def take_candidates(
    p: Program, h: Hour, b: Working, w: Scratch, top: float, penalty: float, slack: float
) -> bool:
    """Pivot on the scanned candidates near the best, each priced again just before.

    Returns False on numerical trouble. Stops early when the basis is feasible again.
    """
    candidate, weight, count = w.candidate, w.weight, w.counters
    sources, rows, width = h.demand.shape[0], b.vec.shape[1], h.tariff.shape[1]
    bland = count[STALLED] > _LAST_PATIENCE * rows
    bar, anew = 0.0 if bland else _TAKE * top, finds_anew(h, b)
    for n in range(count[CANDIDATES]):
        if w.score[n] <= bar:
            continue
        if anew and candidate[n, SOURCE] >= 0:
            _, o, r = best_column(p, h.tariff, b.vec, w.reduced, candidate[n, SOURCE])
            set_column(p, h.tariff, w, n, (o, r))
        s, o, r = candidate[n, SOURCE], candidate[n, POINT], candidate[n, REGION]
        gain = gain_of(p, b, w, width, penalty, n)
        if gain * weight[s if s >= 0 else sources + r] <= bar:
            continue
        if not pivot(p, h, b, w, s, o, r, gain, penalty, slack):
            return False
        if penalty > 0.0 and mark_negative(b, w, 10.0 * slack):
            if count[NEGATIVES] == 0:
                return True
            set_duals(b, penalty)
        if bland or count[SINCE] >= _REFACTOR_EVERY:
            return True
    return True


@kernel
def pivot(
    p: Program, h: Hour, b: Working, w: Scratch,
    s: int, o: int, r: int, gain: float, penalty: float, slack: float,
) -> bool:  # fmt: skip
    """One pivot with column (s, o, r); False when nothing stops it (numerical trouble)."""
    count, vec, key_value = w.counters, b.vec, b.key_value
    transform(p.unit, b, h.tariff.shape[1], s, o, r)
    keys = key_rates(b, w, s)
    if penalty > 0.0:
        theta, leave = long_step(b, w, keys, -gain, penalty)
    elif count[STALLED] > _LAST_PATIENCE * vec.shape[1]:
        theta, leave = bland_step(vec, key_value, w.touched, w.rate, keys)
    else:
        theta, leave = feasible_step(vec, key_value, w.touched, w.rate, keys, slack)
    if leave < 0:
        return False
    count[STALLED] = count[STALLED] + 1 if theta <= 0.0 else 0
    count[PIVOTS] += 1
    move(b, w, keys, theta)
    exchange(p, h, b, w, s, o, r, leave, theta, -gain)
    return True


@kernel
def exchange(
    p: Program, h: Hour, b: Working, w: Scratch,
    s: int, o: int, r: int, leave: int, theta: float, reduced_cost: float,
) -> None:  # fmt: skip
    """Bring column (s, o, r) into the basis at value theta, for what leaves (see `ratio`)."""
    key, vec = b.key, b.vec
    cost = 0.0
    if s >= 0:
        cost = cost_of(p.fixed, p.unit, h.tariff, s, o, r)
    if leave >= vec.shape[1]:  # a key leaves
        n = leave - vec.shape[1]
        owner = w.touched[n]
        b.key_value[owner] = 0.0
        if key[owner, BASICS] == 0:  # it is the entering column's own: that becomes the key
            key[owner, POINT], key[owner, REGION] = o, r
            b.key_cost[owner], b.key_value[owner] = cost, h.demand[owner]
            return
        leave = swap_key(b, owner)
        vec[ALPHA, leave] = w.rate[n]
    eliminate(b.inverse, vec, leave, reduced_cost)
    set_basic(b, leave, s, o, r, cost, theta)
    w.counters[SINCE] += 1


@kernel
def perturb(limit: F8, vec: F8, count: I8, size: float) -> None:
    """Loosen every row by a different small amount; the true limits are kept for later."""
    seed = count[SEED]
    for k in range(limit.shape[0]):
        vec[LIMIT, k] = limit[k]
        seed = (seed * 1103515245 + 12345) % 2147483648
        limit[k] += size * (1.0 + seed / 2147483648.0)
    count[SEED] = seed
    count[PERTURBED] = 1
    count[STALLED] = 0


@kernel
def restore(limit: F8, vec: F8, count: I8) -> None:
    """Take the perturbation out again."""
    for k in range(limit.shape[0]):
        limit[k] = vec[LIMIT, k]
    count[PERTURBED] = 0


@kernel
def certifies_infeasible(p: Program, h: Hour, vec: F8) -> bool:
    """Farkas: with the penalty's duals as prices, cheapest use of the rows still exceeds limits.

    y = −dual ≥ 0;  Σ demand · min over open columns (y · entries)  >  y · limits.
    """
    need, have, size = 0.0, 0.0, 0.0
    for s in range(h.demand.shape[0]):
        if h.demand[s] > 0.0:
            least = least_use(p, vec, h.tariff.shape[1], s)
            need += h.demand[s] * least
            size += h.demand[s] * abs(least)
    for k in range(h.limit.shape[0]):
        use = -min(vec[DUAL, k], 0.0) * h.limit[k]
        have += use
        size += abs(use)
    return need - have > _FARKAS * size


@kernel
def least_use(p: Program, vec: F8, width: int, s: int) -> float:
    """The least that a unit of a source uses of the rows, at the prices −dual."""
    fixed, unit = p.fixed, p.unit
    least = BIG
    if fixed[s, unit.shape[1] * width] < OPEN:
        least = 0.0
    for o in range(unit.shape[1]):
        shift = 0.0
        for j in range(unit.shape[2] - ROWS):
            shift -= unit[s, o, ROWS + j] * min(vec[DUAL, width + j], 0.0)
        for r in range(width):
            if fixed[s, o * width + r] < OPEN:
                least = min(least, shift - unit[s, o, GPU] * min(vec[DUAL, r], 0.0))
    return least
