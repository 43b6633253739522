"""One hour: primal simplex with generalised upper bounds, from whatever basis it is given."""

from __future__ import annotations

from wattlas.placement.engine.basis import (
    exchange,
    refactor,
    set_costs,
    set_duals,
    set_values,
    transform,
)
from wattlas.placement.engine.jit import kernel
from wattlas.placement.engine.pricing import (
    best_column,
    choose_keys,
    key_value,
    magnitude,
    scan,
)
from wattlas.placement.engine.ratio import (
    bland_step,
    feasible_step,
    key_rates,
    long_step,
    mark_infeasible,
)
from wattlas.placement.engine.state import (
    BAD,
    BIG,
    GAVE_UP,
    INFEASIBLE,
    OPEN,
    OPTIMAL,
    PERTURBED,
    PIVOTS,
    SCANS,
    SEED,
    SINCE_REFACTOR,
    STALLED,
    Hour,
    Static,
    Work,
)

_REFACTOR_EVERY = 100
_TAKE = 0.3
_GAP = 1e-12
_SLACK = 1e-12
_HARRIS = 1e-13
_RAISE = 16.0
_RAISES = 12


@kernel
def reset(wk: Work) -> None:
    """The basis of slacks, with every key unset."""
    wk.key_o[:] = -1
    wk.key_r[:] = -1
    wk.split[:] = 0
    wk.basic_s[:] = -1
    wk.basic_o[:] = -1
    wk.basic_cost[:] = 0.0
    wk.dual[:] = 0.0
    wk.inverse[:, :] = 0.0
    for i in range(wk.basic_r.shape[0]):
        wk.basic_r[i] = i
        wk.inverse[i, i] = 1.0


@kernel
def enter(
    st: Static, hr: Hour, wk: Work, s: int, o: int, r: int, price: float, penalty: float, slack: float
) -> bool:
    """One pivot with column (s, o, r); False when nothing stops it (numerical trouble)."""
    transform(st, wk, s, o, r)
    key_rates(wk, s)
    if penalty > 0.0:
        theta, leave = long_step(wk, price, penalty)
    elif wk.count[STALLED] > 20 * wk.basic_s.shape[0]:
        theta, leave = bland_step(wk)
    else:
        theta, leave = feasible_step(wk, slack)
    if leave < 0:
        return False
    if theta * -price <= 0.0:
        wk.count[STALLED] += 1
    else:
        wk.count[STALLED] = 0
    exchange(st, hr, wk, s, o, r, leave, theta, price)
    return True


@kernel
def take_candidates(
    st: Static, hr: Hour, wk: Work, top: float, penalty: float, slack: float, total: float
) -> bool:
    """Pivot on the scanned candidates near the best, each priced again just before.

    Returns False on numerical trouble. Stops early when feasibility changed under a penalty.
    """
    sources, rows = wk.key_o.shape[0], wk.basic_s.shape[0]
    bar = _TAKE * top
    if wk.count[STALLED] > 20 * rows:
        bar = 0.0
    for c in range(sources + rows):
        if wk.best[c] <= bar:
            continue
        s, o, r = -1, -1, c - sources
        if c < sources:
            s = c
            least, o, r = best_column(st, hr, wk, wk.dual, s)
            gain = key_value(st, wk, penalty, s) - least
        else:
            gain = wk.dual[r]
        if gain <= bar:
            continue
        if not enter(st, hr, wk, s, o, r, -gain, penalty, slack):
            return False
        if penalty > 0.0:
            if mark_infeasible(hr, wk, slack):
                if wk.count[BAD] == 0:
                    return True
                set_duals(wk, penalty)
        if wk.count[SINCE_REFACTOR] >= _REFACTOR_EVERY or wk.count[STALLED] > 20 * rows:
            return True
    return True


@kernel
def perturb(hr: Hour, wk: Work, size: float) -> None:
    """Loosen every row by a different small amount; the true limits are kept for later."""
    wk.true_limit[:] = hr.limit
    seed = wk.count[SEED]
    for k in range(hr.limit.shape[0]):
        seed = (seed * 1103515245 + 12345) % 2147483648
        hr.limit[k] += size * (1.0 + seed / 2147483648.0)
    wk.count[SEED] = seed
    wk.count[PERTURBED] = 1
    wk.count[STALLED] = 0


@kernel
def certify_infeasible(st: Static, hr: Hour, wk: Work) -> bool:
    """Farkas: with the penalty's duals as prices, cheapest use of the rows still exceeds limits.

    y = −dual ≥ 0;  Σ demand · min over open columns (y · entries)  >  y · limits.
    """
    width = hr.per_kwh.shape[0]
    need = 0.0
    for s in range(wk.key_o.shape[0]):
        d = hr.demand[s]
        if d == 0.0:
            continue
        least = BIG
        if st.unserved[s] < OPEN:
            least = 0.0
        for o in range(st.energy.shape[1]):
            shift = 0.0
            for n in range(st.first[s], st.first[s + 1]):
                shift -= st.coef[n, o] * min(wk.dual[st.row[n]], 0.0)
            for r in range(width):
                if st.fixed[s, o * width + r] < OPEN:
                    least = min(least, shift - st.gpu[s, o] * min(wk.dual[r], 0.0))
        if least >= OPEN:
            return True
        need += d * least
    have, size = 0.0, 0.0
    for k in range(hr.limit.shape[0]):
        use = -min(wk.dual[k], 0.0) * hr.limit[k]
        have += use
        size += abs(use)
    return need - have > 1e-11 * (size + abs(need))


@kernel
def first_penalty(hr: Hour, wk: Work, total: float, scale: float) -> float:
    """A penalty of the order of the duals to come; raised later where it is too small."""
    top = 0.0
    for k in range(wk.dual.shape[0]):
        top = max(top, abs(wk.dual[k]))
    return 2.0 * max(top, scale / total)


@kernel
def run(st: Static, hr: Hour, wk: Work, limit: int) -> int:
    """Solve the hour from the basis in `wk`, whose inverse must match it. Returns the status."""
    total = 0.0
    for s in range(wk.key_o.shape[0]):
        total += hr.demand[s]
    if total <= 0.0:
        total = 1.0
    set_costs(st, hr, wk)
    choose_keys(st, hr, wk)
    for s in range(wk.key_o.shape[0]):
        if wk.split[s] == 0 and wk.key_cost[s] >= OPEN and hr.demand[s] > 0.0:
            return INFEASIBLE
    set_values(st, hr, wk)
    slack = _SLACK * total
    scale = max(magnitude(hr, wk), 1e-300)
    base = first_penalty(hr, wk, total, scale)
    start = wk.count[PIVOTS]
    wk.count[PERTURBED] = 0
    wk.count[STALLED] = 0
    raises, fresh, perturbs, troubles = 0, False, 0, 0
    while True:
        if wk.count[PIVOTS] - start > limit:
            return GAVE_UP
        mark_infeasible(hr, wk, slack)
        penalty = base if wk.count[BAD] > 0 else 0.0
        set_duals(wk, penalty)
        scale = max(magnitude(hr, wk), 1e-300)
        floor = _GAP * scale / wk.key_o.shape[0]
        top = scan(st, hr, wk, penalty, floor, _GAP * (scale / total + penalty))
        wk.count[SCANS] += 1
        if top > 0.0:
            stalled = wk.count[STALLED] > 5 * wk.basic_s.shape[0]
            if stalled and wk.count[PERTURBED] == 0 and perturbs < 3:
                perturb(hr, wk, 1e-7 * total / wk.basic_s.shape[0])
                perturbs += 1
                set_values(st, hr, wk)
                continue
            if not take_candidates(st, hr, wk, top, penalty, 0.1 * slack, total):
                troubles += 1
                if troubles > 5:
                    return GAVE_UP
                refactor(st, wk)
                set_values(st, hr, wk)
            fresh = False
            if wk.count[SINCE_REFACTOR] >= _REFACTOR_EVERY:
                refactor(st, wk)
                set_values(st, hr, wk)
            continue
        if not fresh:
            refactor(st, wk)
            set_values(st, hr, wk)
            fresh = True
            continue
        if wk.count[PERTURBED] == 1:
            hr.limit[:] = wk.true_limit
            wk.count[PERTURBED] = 0
            set_values(st, hr, wk)
            continue
        if wk.count[BAD] > 0:
            if certify_infeasible(st, hr, wk):
                return INFEASIBLE
            raises += 1
            if raises > _RAISES:
                return GAVE_UP
            base *= _RAISE
            continue
        return OPTIMAL


