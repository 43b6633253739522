// What do users feel when they fall from full service to the fallback? Utility, segment by segment.
(function (W) {
  "use strict";

  const T = W.tiers;
  const MOST = 6;
  const TALL = 190;

  // Segments in order of their weight, where it is known.
  function segments(state, rows) {
    const size = new Map(T.rows("tier_segments", state).map((row) => [row.segment, row.requests_share]));
    return W.unique(rows.map((row) => row.segment)).sort((a, b) => (size.get(b) || 0) - (size.get(a) || 0));
  }

  // Full service and fallback as users meet them: the verdict's latency holds the way to and fro.
  function marks(state) {
    const menu = T.rows("tier_menu", state);
    const verdict = T.verdict(T.klass(state));
    const full = menu.find((row) => row.role === "full");
    const fallback = menu.find((row) => row.role === "fallback");
    const way = full && verdict.full_latency_ms != null ? verdict.full_latency_ms - full.service_ms : 0;
    const mark = (row, name) => row && { name, point: row.point, accuracy: row.accuracy, latency_ms: row.service_ms + way };
    return [mark(full, "full"), mark(fallback, "fallback")].filter(Boolean);
  }

  function draw(state, theme, width) {
    const rows = T.rows("tier_utility", state);
    if (!rows.length) return T.nothing(state, "no utility to show");
    const all = segments(state, rows);
    const shown = all.slice(0, MOST);
    const [low, high] = W.extent(rows.map((row) => row.utility));
    const surfaces = new Map(shown.map((id) => [id, W.surface(rows.filter((row) => row.segment === id), "latency_ms", "accuracy", (row) => row.utility)]));
    const dots = marks(state);
    const wide = width >= 900 ? 3 : width >= 560 ? 2 : 1;
    const columns = Math.min(wide, shown.length);
    const each = (width - 16) / columns;
    const tall = TALL + 102;
    const option = { grid: [], xAxis: [], yAxis: [], series: [], title: [], tooltip: { trigger: "item" } };
    shown.forEach((id, at) => panel(option, surfaces.get(id), { id, at, left: (at % columns) * each, top: Math.floor(at / columns) * tall, each, low, high, dots }, theme));
    return {
      answer: answer(state, surfaces, dots),
      height: Math.ceil(shown.length / columns) * tall + 4,
      option,
      notes: [
        `Each picture is one segment of users: the stronger the colour, the higher its mean utility, on one scale from ${W.num(low, 2)} to ${W.num(high, 2)}; a line joins services that the segment finds equally good. The ring is full service${dots.length > 1 ? ", the dot the fallback" : ""}; both are read off the grid, straight between its points. Only accuracy and latency vary here: what a segment sees in lower carbon shows in who takes the offer.`,
        ...(all.length > shown.length ? [`The ${MOST} largest of ${all.length} segments are drawn; the table has all.`] : []),
      ],
      columns: Object.keys(rows[0]), rows: rows.map((row) => Object.values(row)),
    };
  }

  function panel(option, surface, { id, at, left, top, each, low, high, dots }, theme) {
    const edges = (axis) => axis.map((v, i) => [i ? (axis[i - 1] + v) / 2 : v, i + 1 < axis.length ? (v + axis[i + 1]) / 2 : v]);
    const [across, up] = [edges(surface.xs), edges(surface.ys)];
    const cells = surface.xs.flatMap((x, i) => surface.ys.map((y, j) => ({ value: [...across[i], ...up[j]], x, y, u: surface.value(i, j) }))).filter((cell) => cell.u != null);
    const grid = { left: left + 46, top: top + 52, width: each - 62, height: TALL };
    const axis = { gridIndex: at, type: "value", splitLine: { show: false } };
    option.title.push({ text: id, left, top: top + 10, padding: 0, textStyle: { color: theme.ink, fontSize: 13, fontWeight: 600, width: each - 16, overflow: "truncate" } });
    option.grid.push(grid);
    option.xAxis.push({ ...axis, min: surface.xs[0], max: surface.xs.at(-1), name: "Latency, ms", nameGap: 26, splitNumber: 4, axisLabel: { formatter: (v) => W.num(v) } });
    option.yAxis.push({ ...axis, ...W.above("Accuracy", theme, 46), nameTextStyle: { align: "left", padding: [0, 0, 0, -46], color: theme.muted, fontSize: 12 }, nameGap: 8, min: surface.ys[0], max: surface.ys.at(-1), splitNumber: 4, axisLabel: { formatter: (v) => W.num(v, 2) } });
    const here = { type: "custom", xAxisIndex: at, yAxisIndex: at };
    option.series.push(
      {
        ...here, data: cells, encode: { x: [0, 1], y: [2, 3] }, clip: true,
        renderItem: (params, api) => cell(api, cells[params.dataIndex], (cells[params.dataIndex].u - low) / (high - low || 1), theme),
        tooltip: { formatter: (event) => W.tip(id, [["Accuracy", W.num(event.data.y)], ["Latency", W.say(event.data.x, "ms")], ["Utility", W.num(event.data.u)]]) },
      },
      { ...here, silent: true, data: [[surface.xs[0], surface.ys[0]]], z: 4, renderItem: (params, api) => lines(api, surface, W.levels(low, high), theme) },
      { type: "scatter", xAxisIndex: at, yAxisIndex: at, z: 6, data: dots.map((dot) => ({ value: [dot.latency_ms, dot.accuracy], dot, ...look(dot, theme) })), clip: true, tooltip: { formatter: (event) => markTip(id, event.data.dot, surface) } },
    );
    if (dots.length > 1) option.series.push({ type: "line", xAxisIndex: at, yAxisIndex: at, z: 5, silent: true, symbol: "none", data: dots.map((dot) => [dot.latency_ms, dot.accuracy]), lineStyle: { color: theme.ink, width: 1.5, type: "dotted" } });
  }

  function cell(api, one, share, theme) {
    const [x0, y0] = api.coord([one.value[0], one.value[2]]);
    const [x1, y1] = api.coord([one.value[1], one.value[3]]);
    // Whole pixels: between two edges that are not, the paper would shine through.
    const [left, right, top, bottom] = [x0, x1, y1, y0].map(Math.round);
    return { type: "rect", shape: { x: left, y: top, width: right - left, height: bottom - top }, style: { fill: W.ramp(share, theme) } };
  }

  function lines(api, surface, levels, theme) {
    const children = [];
    const [west, south] = api.coord([surface.xs[0], surface.ys[0]]);
    const [east, north] = api.coord([surface.xs.at(-1), surface.ys.at(-1)]);
    for (const level of levels) {
      const pieces = W.contour(surface, level).map((piece) => piece.map((point) => api.coord(point)));
      if (!pieces.length) continue;
      const pathData = pieces.map(([[x, y], [u, v]]) => `M${x} ${y}L${u} ${v}`).join("");
      children.push({ type: "path", shape: { pathData }, style: { fill: "none", stroke: theme.paper, lineWidth: 1, opacity: 0.85 } });
      const [[x, y]] = pieces[Math.floor(pieces.length / 2)];
      if (Math.min(x - west, east - x) < 12 || Math.min(y - north, south - y) < 10) continue;
      children.push({ type: "text", x, y, style: { text: W.num(level, 2), fontSize: 10, fill: theme.ink, stroke: theme.paper, lineWidth: 3, align: "center", verticalAlign: "middle" } });
    }
    return { type: "group", children };
  }

  const look = (dot, theme) => ({
    symbolSize: 12,
    itemStyle: dot.name === "full" ? { color: theme.paper, borderColor: theme.ink, borderWidth: 2.5, opacity: 1 } : { color: theme.user, borderColor: theme.paper, borderWidth: 2, opacity: 1 },
    label: { show: true, formatter: () => dot.name, position: dot.name === "full" ? "top" : "bottom", color: theme.ink, fontSize: 11, fontWeight: 600, textBorderColor: theme.paper, textBorderWidth: 3 },
  });

  const felt = (surface, dot) => surface.at(dot.latency_ms, dot.accuracy);
  const markTip = (id, dot, surface) =>
    W.tip(`${dot.name}: ${dot.point}`, [["Segment", id], ["Accuracy", W.num(dot.accuracy)], ["Latency", W.say(dot.latency_ms, "ms")], ["Utility", W.num(felt(surface, dot))]]);

  function answer(state, surfaces, dots) {
    if (!dots.length) return `The utility of ${surfaces.size} segments over accuracy and latency.`;
    if (dots.length < 2) {
      const said = [...surfaces].map(([id, surface]) => `${id} ${W.num(felt(surface, dots[0]), 2)}`).join(", ");
      return `Full service gives class ${W.klass(T.klass(state))} a utility of: ${said}. No fallback below it was chosen.`;
    }
    const lost = [...surfaces].map(([id, surface]) => [id, felt(surface, dots[0]) - felt(surface, dots[1])]).sort((a, b) => b[1] - a[1]);
    const say = ([id, value]) => `${id} ${value < 0 ? `gains ${W.num(-value, 2)}` : `loses ${W.num(value, 2)}`}`;
    const ends = lost.length > 1 ? `${say(lost[0])} of utility, ${say(lost.at(-1))}` : `${say(lost[0])} of utility`;
    return `For a request that falls from full service to the fallback, ${ends}.`;
  }

  T.figure("tier-utility", { controls: T.controls, draw });
})(window.Wattlas);
