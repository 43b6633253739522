"""L and U of the columns in a working basis.

The columns of an hour have rows of their hour and of the next, in all six: most rows and columns
have one entry left when their turn comes. What is left then goes hour by hour, each column with
the pivot whose row has the fewest entries (after Gilbert and Peierls, 1988).
"""

from __future__ import annotations

from wattlas.placement.engine.jit import kernel
from wattlas.placement.window.simplex.solves import ftran
from wattlas.placement.window.simplex.state import (
    B1,
    COLUMN,
    COLUMNS,
    ETAS,
    F8,
    FREE,
    HOUR,
    I8,
    LOWER,
    NONZEROS,
    PIVOTS,
    U4,
    VECTOR,
    Factors,
    LevelProgram,
    Order,
    Sparse,
    WindowBasis,
    Work,
)

_PIVOT = 1e-7
"""A smaller pivot is rounding: entries are ±1."""
_THRESHOLD = 0.1
"""A pivot is at least this part of the largest entry."""
_ROUNDING = 1e-14
_LAST = 1 << 20
_MOST_MISSED = 50
"""Columns that depend on others that a basis may have: each is an eta from the start."""


@kernel
def entries(p: LevelProgram, key: int, column: int, w: Work) -> int:
    """Rows and entries of a column less those of its source's key; how many."""
    hours, sources, regions = p.cost.shape
    rows = regions * p.first.shape[0]
    h = column // regions // sources
    s, r = column // regions - h * sources, column % regions
    first = h * rows + regions + p.model[s] * regions
    w.entry_row[0], w.entry[0] = h * rows + r, 1.0
    w.entry_row[1], w.entry[1] = h * rows + key, -1.0
    w.entry_row[2], w.entry[2] = first + r, 1.0
    w.entry_row[3], w.entry[3] = first + key, -1.0
    if h + 1 == hours:
        return 4
    w.entry_row[4], w.entry[4] = first + rows + r, -1.0
    w.entry_row[5], w.entry[5] = first + rows + key, 1.0
    return 6


@kernel
def factorise(p: LevelProgram, b: WindowBasis, f: Factors, w: Work) -> bool:
    """L and U anew. Slots are the rows that they are pivots of; rows that no column is left for get
    their slack, and columns that depend on others an eta. False where there is no room, or too many
    depend on others.
    """
    o, count = w.order, w.counters
    forget_etas(f, count)
    count[HOUR] = p.cost.shape[2] * p.first.shape[0]
    n = b.slot.shape[0]
    for i in range(n):
        w.tight[i] = True
    for i in range(n):
        if b.slot[i] < 0 and b.slot[i] >= -n:
            w.tight[-1 - b.slot[i]] = False
    collect(p, b, w)
    by_row(o, w.tight, count[COLUMNS])
    alone = singletons(o, w.tight, count[COLUMNS])
    rest = alone
    for c in range(count[COLUMNS]):
        if not o.done_column[c]:
            o.order[rest] = c
            rest += 1
    missed = eliminate(f, w, alone)
    if missed < 0 or missed > _MOST_MISSED:
        return False
    count[FREE] = 0
    for i in range(n):
        if o.position[i] >= 0:
            b.slot[i] = o.column[o.order[o.position[i]]]
        else:
            b.slot[i], w.tight[i], f.free_row[count[FREE]] = -1 - i, False, i
            count[FREE] += 1
    by_rows(f.lower, f.lower_row, f.pivot_row, count[PIVOTS])
    by_rows(f.upper, f.upper_row, f.pivot_row, count[PIVOTS])
    count[LOWER] = 0
    for n in range(count[FREE]):
        put_lower(f, count, f.free_row[n])
    for k in range(count[PIVOTS] - 1, -1, -1):
        put_lower(f, count, f.pivot_row[k])
    for n in range(missed):  # noqa: SIM110 - numba has no generators
        if not admit(p, b, f, w, w.passed[n]):
            return False
    return True


@kernel
def put_lower(f: Factors, count: I8, row: int) -> None:
    """Put a row of L into the order, if it has entries."""
    if f.lower_row.start[row + 1] > f.lower_row.start[row]:
        f.lower_order[count[LOWER]] = row
        count[LOWER] += 1


@kernel
def forget_etas(f: Factors, count: I8) -> None:
    """Begin without etas, and without their entries by row."""
    for t in range(count[ETAS]):
        for e in range(f.eta.start[t], f.eta.start[t + 1]):
            f.eta_row[f.eta.at[e], t] = 0.0
    count[ETAS] = 0


@kernel
def collect(p: LevelProgram, b: WindowBasis, w: Work) -> None:
    """The columns in the working basis, and their entries."""
    o, regions = w.order, p.cost.shape[2]
    c, z = 0, 0
    o.matrix.start[0] = 0
    for i in range(b.slot.shape[0]):
        column = b.slot[i]
        if column >= 0:
            o.column[c] = column
            for e in range(entries(p, b.key[column // regions], column, w)):
                o.matrix.at[z], o.matrix.value[z] = w.entry_row[e], w.entry[e]
                z += 1
            c += 1
            o.matrix.start[c] = z
    w.counters[COLUMNS] = c


@kernel
def by_row(o: Order, tight: B1, columns: int) -> None:
    """The columns of each tight row, and how many entries rows and columns have there."""
    rows, start, index = tight.shape[0], o.matrix.start, o.matrix.at
    for i in range(rows):
        o.left_in_row[i], o.done_row[i], o.position[i], o.mark[i] = 0, False, -1, -1
    for c in range(columns):
        o.left_in_column[c], o.done_column[c], o.pivot[c] = 0, False, -1
        for e in range(start[c], start[c + 1]):
            if tight[index[e]]:
                o.left_in_row[index[e]] += 1
                o.left_in_column[c] += 1
    o.row_start[0] = 0
    for i in range(rows):
        o.row_start[i + 1] = o.row_start[i] + o.left_in_row[i]
        o.pointer[i] = o.row_start[i]
    for c in range(columns):
        for e in range(start[c], start[c + 1]):
            i = index[e]
            if tight[i]:
                o.row_column[o.pointer[i]] = c
                o.pointer[i] += 1


@kernel
def singletons(o: Order, tight: B1, columns: int) -> int:
    """Put columns with one row left into the order, then rows with one column left; how many."""
    count, top = 0, 0
    start, index = o.matrix.start, o.matrix.at
    for c in range(columns):
        if o.left_in_column[c] == 1:
            o.stack[top] = c
            top += 1
    while top > 0:
        top -= 1
        c, row = o.stack[top], -1
        if not o.done_column[c] and o.left_in_column[c] == 1:
            for e in range(start[c], start[c + 1]):
                if tight[index[e]] and not o.done_row[index[e]]:
                    row = index[e]
        if row >= 0:
            o.done_column[c], o.done_row[row] = True, True
            o.order[count], o.pivot[count] = c, row
            count += 1
            for e in range(o.row_start[row], o.row_start[row + 1]):
                other = o.row_column[e]
                o.left_in_column[other] -= 1
                if o.left_in_column[other] == 1 and not o.done_column[other]:
                    o.stack[top] = other
                    top += 1
    return single_rows(o, tight, count)


@kernel
def single_rows(o: Order, tight: B1, count: int) -> int:
    """Put rows with one column left behind the first `count` of the order; how many there are."""
    top, start, index = 0, o.matrix.start, o.matrix.at
    for i in range(tight.shape[0]):
        o.left_in_row[i] = 0
        if tight[i] and not o.done_row[i]:
            for e in range(o.row_start[i], o.row_start[i + 1]):
                if not o.done_column[o.row_column[e]]:
                    o.left_in_row[i] += 1
            if o.left_in_row[i] == 1:
                o.stack[top] = i
                top += 1
    while top > 0:
        top -= 1
        row, c = o.stack[top], -1
        if not o.done_row[row] and o.left_in_row[row] == 1:
            for e in range(o.row_start[row], o.row_start[row + 1]):
                if not o.done_column[o.row_column[e]]:
                    c = o.row_column[e]
        if c >= 0:
            o.done_column[c], o.done_row[row] = True, True
            o.order[count], o.pivot[count] = c, row
            count += 1
            for e in range(start[c], start[c + 1]):
                i = index[e]
                if tight[i] and not o.done_row[i]:
                    o.left_in_row[i] -= 1
                    if o.left_in_row[i] == 1:
                        o.stack[top] = i
                        top += 1
    return count


@kernel
def eliminate(f: Factors, w: Work, alone: int) -> int:
    """L and U column by column in the order, the first `alone` with their pivots; how many columns
    depend on others, in `passed`. −1: there is no room."""
    o, x, columns = w.order, w.vec[VECTOR], w.counters[COLUMNS]
    lower, upper = f.lower, f.upper
    room = lower.at.shape[0] - x.shape[0]
    lz, uz, k = 0, 0, 0
    lower.start[0], upper.start[0] = 0, 0
    for n in range(columns):
        reached = column_of(o, lower, x, n)
        row = o.pivot[n] if n < alone else best_pivot(o, w, x, reached)
        if lz > room or uz > room:
            return -1
        if row < 0 or abs(x[row]) < _PIVOT:
            w.passed[n - k] = o.column[o.order[n]]
            continue
        for t in range(reached):
            i = o.reach[t]
            if i != row and abs(x[i]) > _ROUNDING:
                if o.position[i] >= 0 or not w.tight[i]:
                    upper.at[uz], upper.value[uz] = i, x[i]
                    uz += 1
                else:
                    lower.at[lz], lower.value[lz] = i, x[i] / x[row]
                    lz += 1
        f.pivot_row[k], f.diagonal[k], o.order[k] = row, x[row], o.order[n]
        o.position[row], o.done_row[row] = k, True
        k += 1
        lower.start[k], upper.start[k] = lz, uz
    w.counters[PIVOTS] = k
    missed: int = columns - k
    return missed


@kernel
def admit(p: LevelProgram, b: WindowBasis, f: Factors, w: Work, c: int) -> bool:
    """Take a column that depends on others where slacks stay basic into the basis for the slack
    that it moves most; False where it moves none."""
    column, slot, count = w.vec[COLUMN], -1, w.counters
    for i in range(column.shape[0]):
        column[i] = 0.0
    for e in range(entries(p, b.key[c // p.cost.shape[2]], c, w)):
        column[w.entry_row[e]] += w.entry[e]
    ftran(f, count, column)
    count[NONZEROS] = 0
    for i in range(column.shape[0]):
        if abs(column[i]) > _ROUNDING:
            w.nonzero[count[NONZEROS]] = i
            count[NONZEROS] += 1
            if b.slot[i] < 0 and (slot < 0 or abs(column[i]) > abs(column[slot])):
                slot = i
    if slot < 0 or abs(column[slot]) < _PIVOT:
        return False
    add_eta(f, w, slot, 1.0)
    w.tight[slot] = True
    b.slot[slot] = c
    return True


@kernel
def add_eta(f: Factors, w: Work, slot: int, sign: float) -> None:
    """What stands in a slot from now on is the entering column, times a sign."""
    column, eta, t = w.vec[COLUMN], f.eta, w.counters[ETAS]
    end = eta.start[t]
    eta.at[end], eta.value[end] = slot, sign * column[slot]
    for n in range(w.counters[NONZEROS]):
        i = w.nonzero[n]
        if i != slot:
            end += 1
            eta.at[end], eta.value[end] = i, sign * column[i]
            f.eta_row[i, t] = eta.value[end]
    f.eta_kind[t], f.eta_slot[t], eta.start[t + 1] = 0, slot, end + 1
    w.counters[ETAS] = t + 1


@kernel
def column_of(o: Order, lower: Sparse, x: F8, k: int) -> int:
    """x = L⁻¹ times the k-th column in the order; how many rows it reaches, in `reach`."""
    start, index, value = o.matrix.start, o.matrix.at, o.matrix.value
    c, reached = o.order[k], 0
    for e in range(start[c], start[c + 1]):
        if o.mark[index[e]] != k:
            reached = descend(o, lower, index[e], k, reached)
    for t in range(reached):
        x[o.reach[t]] = 0.0
    for e in range(start[c], start[c + 1]):
        x[index[e]] += value[e]
    for t in range(reached - 1, -1, -1):
        at = o.position[o.reach[t]]
        v = x[o.reach[t]]
        if at >= 0 and v != 0.0:
            for e in range(lower.start[at], lower.start[at + 1]):
                x[lower.at[e]] -= lower.value[e] * v
    return reached


@kernel
def descend(o: Order, lower: Sparse, row: int, k: int, reached: int) -> int:
    """Rows that a row leads to in L, each behind those that it leads to, onto `reach`."""
    stack, depth = o.stack, 0
    stack[0], o.mark[row] = row, k
    o.pointer[0] = lower.start[o.position[row]] if o.position[row] >= 0 else 0
    while depth >= 0:
        at, deeper = o.position[stack[depth]], False
        while at >= 0 and o.pointer[depth] < lower.start[at + 1] and not deeper:
            i = lower.at[o.pointer[depth]]
            o.pointer[depth] += 1
            if o.mark[i] != k:
                depth += 1
                stack[depth], o.mark[i], deeper = i, k, True
                o.pointer[depth] = lower.start[o.position[i]] if o.position[i] >= 0 else 0
        if not deeper:
            o.reach[reached] = stack[depth]
            reached += 1
            depth -= 1
    return reached


@kernel
def best_pivot(o: Order, w: Work, x: F8, reached: int) -> int:
    """Of the rows without a pivot the one with the fewest entries, if its own is large enough; a
    row of the first hour only where there is no other. −1: none."""
    largest, row, fewest, tight = 0.0, -1, 1 << 40, w.tight
    for t in range(reached):
        i = o.reach[t]
        if tight[i] and not o.done_row[i]:
            largest = max(largest, abs(x[i]))
    for t in range(reached):
        i = o.reach[t]
        if tight[i] and not o.done_row[i] and abs(x[i]) >= max(_THRESHOLD * largest, _PIVOT):
            count = o.row_start[i + 1] - o.row_start[i]
            if i < w.counters[HOUR]:
                count += _LAST
            if count < fewest:
                row, fewest = i, count
    return row


@kernel
def by_rows(columns: Sparse, rows: Sparse, pivot_row: U4, count: int) -> None:
    """The entries by rows, each with the pivot row of its column."""
    n = rows.start.shape[0] - 1
    for i in range(n + 1):
        rows.start[i] = 0
    for e in range(columns.start[count]):
        rows.start[columns.at[e] + 1] += 1
    for i in range(n):
        rows.start[i + 1] += rows.start[i]
    for k in range(count - 1, -1, -1):
        for e in range(columns.start[k], columns.start[k + 1]):
            i = columns.at[e] + 1
            rows.start[i] -= 1
            rows.at[rows.start[i]], rows.value[rows.start[i]] = pivot_row[k], columns.value[e]
    for i in range(n):
        rows.start[i] = rows.start[i + 1]
    rows.start[n] = columns.start[count]
