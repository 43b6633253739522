// How far from its users does each class run? The execution layers.
(function (W) {
  "use strict";

  const LAYERS = [
    ["local", "Local: at the baseline region", "#595959"], ["regional", "Regional", "#56b4e9"], ["energy-oriented", "Energy-oriented: far", "#009e73"],
    ["late", "Late", "#d55e00"], ["unserved", "Not served", "#cc79a7"],
  ];

  function draw(state, theme, width) {
    const rows = W.rows("layers");
    const classes = W.unique(rows.map((row) => row.class)).sort().reverse();
    const total = W.sum(rows.map((row) => row.it_mwh));
    const by = (id) => W.sum(rows.filter((row) => row.layer === id).map((row) => row.it_mwh));
    const known = LAYERS.map(([id]) => id);
    const layers = [...LAYERS, ...W.unique(rows.map((row) => row.layer)).filter((id) => !known.includes(id)).map((id) => [id, id, "#8c8c8c"])].filter(([id]) => by(id) > 0);
    const move = W.rows("relocatable");
    const labels = classes.map((id) => `Class ${W.klass(id)}`);
    const foot = Math.min(190, Math.max(70, 7 * Math.max(...labels.map((label) => label.length))));
    const economic = W.sum(move.map((row) => row.economic_mwh));
    const technical = W.sum(move.map((row) => row.technical_mwh));
    const energy = W.sum(move.map((row) => row.it_mwh));
    return {
      answer: `${W.say(total ? by("energy-oriented") / total : 0, "share")} of the energy ran far from its users for the sake of energy, ${W.say(total ? by("local") / total : 0, "share")} at the baseline region.${energy ? ` ${W.say(technical / energy, "share")} could have run elsewhere within its budget; ${W.say(economic / energy, "share")} did.` : ""}`,
      height: 90 + classes.length * 44,
      option: {
        grid: { left: foot, right: 16, top: 30, bottom: 66 },
        legend: { bottom: 0, left: 0, icon: "rect", itemWidth: 12, itemHeight: 10, textStyle: { color: theme.muted, fontSize: 12 } },
        xAxis: { type: "value", min: 0, max: 100, name: "Share of the class's IT energy, %", nameGap: 26 },
        yAxis: { type: "category", data: labels, axisTick: { show: false }, axisLabel: { color: theme.ink, fontSize: 12, width: foot - 8, overflow: "truncate" } },
        tooltip: { trigger: "axis", axisPointer: { type: "shadow" }, formatter: (items) => W.tip(items[0].axisValue, items.map((item) => [item.seriesName, `${W.num(item.value)} %`, item.color])) },
        series: layers.map(([id, name, colour]) => ({
          name, type: "bar", stack: "all", barWidth: 22, color: colour, itemStyle: { borderColor: theme.paper, borderWidth: 1 },
          data: classes.map((klass) => {
            const row = rows.find((one) => one.class === klass && one.layer === id);
            return row && row.share != null ? row.share * 100 : 0;
          }),
        })),
      },
      notes: move.map((row) => `Class ${W.klass(row.class)}: ${W.say(row.technical_share, "share")} relocatable, ${W.say(row.economic_share, "share")} away from the baseline region, of ${W.say(row.it_mwh, "mwh")}${row.overflow_mwh == null ? "" : `; the baseline policy runs ${W.say(row.overflow_mwh, "mwh")} away for want of capacity, and the plan runs ${W.say(row.moved_share, "share")} elsewhere than it`}.`),
      columns: ["class", "layer", "it_mwh", "share", "technical_share", "economic_share"],
      rows: rows.map((row) => {
        const one = move.find((other) => other.class === row.class) || {};
        return [row.class, row.layer, row.it_mwh, row.share, one.technical_share, one.economic_share];
      }),
    };
  }

  W.figure("layers", { draw });
})(window.Wattlas);
