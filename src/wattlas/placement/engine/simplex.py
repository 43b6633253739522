"""One hour: primal simplex with generalised upper bounds, from whatever basis it is given."""

from __future__ import annotations

# Arguments stand in groups, one group a line: the problem, the basis, the scratch space.
# fmt: off
from wattlas.placement.engine.basis import (
    refactor,
    row_price,
    set_costs,
    set_duals,
    set_values,
    transform,
)
from wattlas.placement.engine.jit import kernel
from wattlas.placement.engine.pricing import (
    best_column,
    choose_keys,
    dearest,
    magnitude,
    scan,
    set_weights,
)
from wattlas.placement.engine.ratio import (
    bland_step,
    exchange,
    feasible_step,
    key_rates,
    long_step,
    mark_infeasible,
)
from wattlas.placement.engine.state import (
    BAD_KEY,
    BADS,
    BIG,
    DUAL,
    F8,
    GPU,
    I4,
    I8,
    KEY_COST,
    KEY_O,
    KEY_R,
    LIMIT,
    OPEN,
    PERTURBED,
    PIVOTS,
    ROWS,
    SCANS,
    SEED,
    SINCE,
    SOURCE,
    SPLIT,
    STALLED,
)

_OPTIMAL, _INFEASIBLE, _GAVE_UP = 0, 1, 2
_REFACTOR_EVERY = 100
_TAKE = 0.3
_WORN = 0.1
_GAP = 1e-12
_SLACK = 1e-12
_RAISE = 16.0
_RAISES = 12
_PATIENCE = 5
_LAST_PATIENCE = 20


@kernel
def enter(
    fixed: F8, unit: F8, tariff: F8, demand: F8,
    src: I4, amount: F8, bas: I4, vec: F8, inverse: F8,
    touched: I4, rate: F8, step: F8, count: I8,
    s: int, o: int, r: int, gain: float, penalty: float, slack: float,
) -> bool:
    """One pivot with column (s, o, r); False when nothing stops it (numerical trouble)."""
    transform(unit, src, vec, inverse, tariff.shape[1], s, o, r)
    keys = key_rates(src, bas, vec, touched, rate, s)
    if penalty > 0.0:
        theta, leave = long_step(
            src, amount, bas, vec, touched, rate, step, keys, -gain, penalty
        )
    elif count[STALLED] > _LAST_PATIENCE * vec.shape[1]:
        theta, leave = bland_step(amount, vec, touched, rate, keys)
    else:
        theta, leave = feasible_step(amount, vec, touched, rate, keys, slack)
    if leave < 0:
        return False
    count[STALLED] = count[STALLED] + 1 if theta <= 0.0 else 0
    exchange(
        fixed, unit, tariff, demand, src, amount, bas, vec, inverse, touched, rate, count,
        keys, s, o, r, leave, theta, -gain,
    )
    return True


@kernel
def take_candidates(
    fixed: F8, unit: F8, tariff: F8, demand: F8,
    src: I4, amount: F8, bas: I4, vec: F8, inverse: F8,
    touched: I4, rate: F8, step: F8, best: F8, weight: F8, buffer: F8, count: I8,
    top: float, penalty: float, slack: float,
) -> bool:
    """Pivot on the scanned candidates near the best, each priced again just before.

    Returns False on numerical trouble. Stops early when the basis is feasible again.
    """
    sources, rows, width = src.shape[0], vec.shape[1], tariff.shape[1]
    bland = count[STALLED] > _LAST_PATIENCE * rows
    bar = 0.0 if bland else _TAKE * top
    for c in range(sources + rows):
        if best[c] <= bar:
            continue
        s, o, r = -1, -1, c - sources
        if c < sources:
            s = c
            least, o, r = best_column(fixed, unit, tariff, vec, buffer, s)
            gain = amount[s, KEY_COST] - penalty * src[s, BAD_KEY] - least
            gain -= row_price(unit, vec, width, s, src[s, KEY_O], src[s, KEY_R])
        else:
            gain = vec[DUAL, r]
        if gain * weight[c] <= bar:
            continue
        if not enter(
            fixed, unit, tariff, demand, src, amount, bas, vec, inverse,
            touched, rate, step, count, s, o, r, gain, penalty, slack,
        ):
            return False
        if penalty > 0.0 and mark_infeasible(src, amount, bas, vec, count, 10.0 * slack):
            if count[BADS] == 0:
                return True
            set_duals(src, amount, bas, vec, inverse, penalty)
        if bland or count[SINCE] >= _REFACTOR_EVERY:
            return True
    return True


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
def certify_infeasible(
    fixed: F8, unit: F8, demand: F8, limit: F8, vec: F8, width: int
) -> bool:
    """Farkas: with the penalty's duals as prices, cheapest use of the rows still exceeds limits.

    y = −dual ≥ 0;  Σ demand · min over open columns (y · entries)  >  y · limits.
    """
    need, have, size = 0.0, 0.0, 0.0
    for s in range(demand.shape[0]):
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
        if demand[s] > 0.0:
            need += demand[s] * least
            size += demand[s] * abs(least)
    for k in range(limit.shape[0]):
        use = -min(vec[DUAL, k], 0.0) * limit[k]
        have += use
        size += abs(use)
    return need - have > 1e-10 * size


@kernel
def first_penalty(vec: F8, mean_cost: float) -> float:
    """A penalty of the order of the duals to come; raised later where it is too small."""
    top = mean_cost
    for k in range(vec.shape[1]):
        top = max(top, abs(vec[DUAL, k]))
    return 2.0 * top


@kernel
def run(
    fixed: F8, unit: F8, kind: I4, rep: I4, tariff: F8, demand: F8, limit: F8,
    src: I4, amount: F8, bas: I4, vec: F8, inverse: F8,
    touched: I4, rate: F8, step: F8, best: F8, weight: F8, buffer: F8, table: F8, saved: I4,
    count: I8, most: int,
) -> int:
    """Solve the hour from the basis at hand, whose inverse must match it. Returns the status."""
    width, sources, rows = tariff.shape[1], src.shape[0], vec.shape[1]
    total = set_weights(demand, weight)
    set_costs(fixed, unit, tariff, src, amount, bas, vec)
    free = True
    for i in range(rows):
        free = free and bas[i, SOURCE] < 0
    if free:
        vec[DUAL, :] = 0.0
    choose_keys(fixed, unit, tariff, src, amount, vec, buffer, free)
    for s in range(sources):
        if src[s, SPLIT] == 0 and amount[s, KEY_COST] >= OPEN and demand[s] > 0.0:
            return _INFEASIBLE
    slack = _SLACK * total
    scale = max(magnitude(demand, amount), 1e-300)
    base = first_penalty(vec, scale / total)
    start = count[PIVOTS]
    count[PERTURBED], count[STALLED] = 0, 0
    raises, fresh, perturbs, troubles, stale = 0, count[SINCE] == 0, 0, 0, True
    again, highest = False, 0.0
    while count[PIVOTS] - start <= most:
        if stale:
            set_values(unit, demand, limit, src, amount, bas, vec, inverse, width)
            stale = False
        mark_infeasible(src, amount, bas, vec, count, slack)
        penalty = base if count[BADS] > 0 else 0.0
        set_duals(src, amount, bas, vec, inverse, penalty)
        scale = max(magnitude(demand, amount), 1e-300)
        top = scan(
            fixed, unit, kind, rep, table, tariff, demand, src, amount, vec, best, weight,
            penalty, _GAP * scale / max(sources, 1), _GAP * (scale / total + penalty), again,
        )
        if again and top < _WORN * highest:
            again = False
            continue
        if not again:
            highest = top
            count[SCANS] += 1
        again = penalty == 0.0 and top > 0.0
        if top > 0.0:
            fresh = False
            if count[STALLED] > _PATIENCE * rows and count[PERTURBED] == 0 and perturbs < 3:
                perturb(limit, vec, count, 1e-7 * total / rows)
                perturbs += 1
                stale = True
                continue
            fine = take_candidates(
                fixed, unit, tariff, demand, src, amount, bas, vec, inverse,
                touched, rate, step, best, weight, buffer, count, top, penalty, 0.1 * slack,
            )
            if not fine and penalty > 0.0:
                base *= _RAISE
            if not fine:
                troubles += 1
                if troubles > _RAISES:
                    return _GAVE_UP
            if not fine or count[SINCE] >= _REFACTOR_EVERY:
                refactor(unit, src, bas, vec, inverse, saved, width)
                count[SINCE] = 0
                stale = True
            continue
        if not fresh:
            refactor(unit, src, bas, vec, inverse, saved, width)
            count[SINCE] = 0
            stale, fresh = True, True
            continue
        if count[PERTURBED] == 1:
            for k in range(rows):
                limit[k] = vec[LIMIT, k]
            count[PERTURBED] = 0
            stale = True
            continue
        if count[BADS] == 0:
            return _OPTIMAL
        if certify_infeasible(fixed, unit, demand, limit, vec, width):
            return _INFEASIBLE
        raises += 1
        if raises > _RAISES:
            return _GAVE_UP
        # Keys may cost nothing: then what the other columns cost says how large a penalty must be.
        base = max(base * _RAISE, dearest(fixed, unit, tariff, demand))
    return _GAVE_UP
