// Whose demand ran where? The zone-to-zone matrix, beside what a line would have had to carry.
(function (W) {
  "use strict";

  const LISTED = 12;

  // By the square root of the share, lest one large move make all others pale.
  const shade = (share, theme) => W.ramp(Math.sqrt(Math.max(0, share)), theme);

  function draw(state, theme, width) {
    const rows = W.rows("relocation");
    const moved = rows.filter((row) => row.from_zone !== row.to_zone);
    const stayed = rows.length > moved.length;
    // The table may hold only what moved: the whole is then the plan's.
    const total = ((W.meta.totals || {}).plan || {}).it_mwh || W.sum(rows.map((row) => row.it_mwh));
    const away = W.sum(moved.map((row) => row.it_mwh));
    const spilt = W.sum(moved.map((row) => row.baseline_mwh || 0));
    const out = (zone) => W.sum(rows.filter((row) => row.from_zone === zone).map((row) => row.it_mwh));
    const into = (zone) => W.sum(moved.filter((row) => row.to_zone === zone).map((row) => row.it_mwh));
    const from = W.unique(rows.map((row) => row.from_zone)).sort((a, b) => out(a) - out(b));
    const to = W.unique(rows.map((row) => row.to_zone)).sort((a, b) => into(b) - into(a));
    const most = Math.max(1e-12, ...moved.map((row) => row.it_mwh));
    const scale = W.scale(most, "mwh");
    const cell = (row) => ({
      value: [row.to_zone, row.from_zone, row.it_mwh / scale.div], row,
      itemStyle: row.from_zone === row.to_zone ? { color: theme.land } : { color: shade(row.it_mwh / most, theme) },
    });
    const top = [...moved].sort((a, b) => b.it_mwh - a.it_mwh);
    const line = W.sum(moved.map((row) => row.line_mw));
    const lost = W.sum(moved.map((row) => row.line_loss_mwh));
    const size = Math.max(13, Math.min(24, Math.floor((width - 80) / to.length)));
    const chart = W.el("div", { class: "inner", style: `height:${from.length * size + 100}px`, role: "img", "aria-label": `Matrix of relocated demand, ${from.length} by ${to.length} zones.` });
    const node = W.el("div", { class: "beside" }, chart, lines(top));
    const mounted = () => {
      const own = echarts.init(chart, null, { renderer: "svg", width: chart.clientWidth || width, height: from.length * size + 100 });
      own.setOption(W.dress({
        grid: { left: 74, right: 8, top: 28, bottom: 72 },
        xAxis: { type: "category", data: to, name: "ran in", nameGap: 52, axisLabel: { rotate: 60, interval: 0, fontSize: 10, hideOverlap: false }, axisTick: { show: false } },
        yAxis: { type: "category", data: from, name: "demand of", nameLocation: "end", nameGap: 8, nameTextStyle: { align: "right", padding: [0, 8, 0, 0] }, axisLabel: { interval: 0, fontSize: 10, hideOverlap: false, width: 66, overflow: "truncate" }, axisTick: { show: false } },
        tooltip: { trigger: "item", formatter: (event) => tip(event.data.row) },
        series: [{ type: "heatmap", data: rows.map(cell), itemStyle: { borderColor: theme.paper, borderWidth: 1 }, emphasis: { itemStyle: { borderColor: theme.ink, borderWidth: 1.5 } } }],
      }, theme));
    };
    return {
      answer: moved.length
        ? `${W.say(away, "mwh")} of demand, ${W.say(total ? away / total : 0, "share")} of all, ran in another zone than its users'${spilt ? ` (${W.say(spilt, "mwh")} in the baseline policy, for want of capacity)` : ""}${line ? `. Carrying the same energy would have needed ${W.say(line, "mw")} of lines and lost ${W.say(lost, "mwh")}` : ""}.`
        : "No demand left the zone of its users.",
      node, mounted,
      notes: [
        "No electricity is transmitted: demand moves, generation does not. The line columns say what a wire between the two zones would have had to carry at its peak, and lose (about 3 % per 1,000 km).",
        `${stayed ? "Grey: demand that stayed. " : ""}The stronger the colour, the more moved: up to ${W.say(most, "mwh")}, by the square root.`,
      ],
      columns: Object.keys(rows[0]), rows: rows.map((row) => Object.values(row)),
    };
  }

  function lines(top) {
    if (!top.length) return null;
    return W.el(
      "div", { class: "scroll", tabindex: "0" },
      W.el(
        "table", { class: "plain" }, W.el("caption", {}, `The ${Math.min(LISTED, top.length)} largest moves, and the line that would carry them`),
        W.el("thead", {}, W.el("tr", {}, ...["Demand of", "ran in", "Energy", "Distance", "Line, peak", "Line loss"].map((text, at) => W.el("th", { scope: "col", class: at > 1 ? "n" : null }, text)))),
        W.el("tbody", {}, ...top.slice(0, LISTED).map((row) => W.el(
          "tr", {}, W.el("td", {}, row.from_zone), W.el("td", {}, row.to_zone), W.el("td", { class: "n" }, W.say(row.it_mwh, "mwh")),
          W.el("td", { class: "n" }, row.distance_km == null ? "–" : `${W.num(row.distance_km)} km`), W.el("td", { class: "n" }, W.say(row.line_mw, "mw")),
          W.el("td", { class: "n" }, row.line_loss_share == null ? "–" : W.say(row.line_loss_share, "share")),
        ))),
      ),
    );
  }

  const tip = (row) =>
    W.tip(`${row.from_zone} → ${row.to_zone}`, [
      [row.from_zone === row.to_zone ? "Stayed" : "Moved", W.say(row.it_mwh, "mwh")], ["Mean power", W.say(row.mean_mw, "mw")],
      ["Distance", row.distance_km == null ? "–" : `${W.num(row.distance_km)} km`], ["A line would carry", W.say(row.line_mw, "mw")], ["and lose", W.say(row.line_loss_share, "share")],
    ]);

  W.figure("relocation", { draw });
})(window.Wattlas);
