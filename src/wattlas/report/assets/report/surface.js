// Reading values off a grid: bilinear between its points, and the lines of equal value across it.
(function (W) {
  "use strict";

  // rows with keys x and y on a full grid, and value(row): {xs, ys, at(x, y), value(i, j)}.
  W.surface = (rows, x, y, value) => {
    const xs = W.unique(rows.map((row) => row[x])).sort((a, b) => a - b);
    const ys = W.unique(rows.map((row) => row[y])).sort((a, b) => a - b);
    const column = new Map(xs.map((v, i) => [v, i]));
    const line = new Map(ys.map((v, j) => [v, j]));
    const cells = new Array(xs.length * ys.length).fill(null);
    for (const row of rows) cells[column.get(row[x]) * ys.length + line.get(row[y])] = value(row);
    const of = (i, j) => cells[i * ys.length + j];
    const at = (px, py) => {
      const [i, s] = within(xs, px);
      const [j, t] = within(ys, py);
      const mix = (a, b, part) => (part === 0 ? a : part === 1 ? b : a == null || b == null ? null : a + (b - a) * part);
      const [ii, jj] = [Math.min(i + 1, xs.length - 1), Math.min(j + 1, ys.length - 1)];
      return mix(mix(of(i, j), of(ii, j), s), mix(of(i, jj), of(ii, jj), s), t);
    };
    return { xs, ys, at, value: of };
  };

  // The cell that holds v and how far along it lies; the edge beyond the grid.
  function within(axis, v) {
    if (axis.length < 2 || v <= axis[0]) return [0, 0];
    if (v >= axis.at(-1)) return [axis.length - 2, 1];
    const i = axis.findLastIndex((edge) => edge <= v);
    return [i, (v - axis[i]) / (axis[i + 1] - axis[i])];
  }

  // Marching squares: the pieces of the line of one level, each [[x, y], [x, y]].
  W.contour = ({ xs, ys, value }, level) => {
    const out = [];
    for (let i = 0; i + 1 < xs.length; i++) {
      for (let j = 0; j + 1 < ys.length; j++) {
        const corners = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]];
        const values = corners.map(([a, b]) => value(a, b));
        if (values.some((v) => v == null)) continue;
        const cuts = [];
        corners.forEach(([a, b], k) => {
          const [c, d] = corners[(k + 1) % 4];
          const [v, w] = [values[k], values[(k + 1) % 4]];
          if (v < level === w < level) return;
          const part = (level - v) / (w - v);
          cuts.push([xs[a] + (xs[c] - xs[a]) * part, ys[b] + (ys[d] - ys[b]) * part]);
        });
        for (let k = 0; k + 1 < cuts.length; k += 2) out.push([cuts[k], cuts[k + 1]]);
      }
    }
    return out;
  };

  // Round levels strictly between low and high, about `count` of them.
  W.levels = (low, high, count = 6) => {
    if (!(high > low)) return [];
    const raw = (high - low) / count;
    const unit = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((m) => m * unit).find((one) => one >= raw);
    const first = Math.floor(low / step) + 1;
    return Array.from({ length: Math.max(0, Math.ceil(high / step) - first) }, (_, k) => Number(((first + k) * step).toPrecision(12)));
  };
})(window.Wattlas);
