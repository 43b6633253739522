// What do geography and tiers save apart and together? From the baseline down, with what they share.
(function (W) {
  "use strict";

  const T = W.tiers;
  const LACKS = W.words.get("tier-split").lacks;
  const PARTS = {
    geography: "Geography alone", tiers: "Tiers alone", interaction: "Interaction", both: "Both together",
  };
  const UNITS = { usd: ["Money", "cost_usd"], kg: ["Carbon", "carbon_kg"] };

  // One split for all contracts together: the classes share capacity, so that theirs cannot be added.
  const all = () => W.rows("tier_split");

  const controls = [
    () => {
      const options = Object.entries(UNITS).filter(([kind]) => all().some((row) => row[`saving_${kind}`] != null)).map(([kind, [name]]) => [kind, name]);
      return options.length > 1 && { kind: "choice", key: "unit", label: "Saving in", options, standard: (W.meta.objective || {}).minimise === "carbon" ? "kg" : "usd" };
    },
  ];

  function draw(state, theme, width) {
    const rows = all();
    if (!rows.length) return T.nothing(state, LACKS);
    const kind = state.unit || "usd";
    const of = (part) => (rows.find((row) => row.part === part) || {})[`saving_${kind}`];
    const whole = (rows.find((row) => row.part === "baseline") || {})[UNITS[kind][1]];
    const bars = steps(of);
    if (!bars.length) return T.nothing(state, "no saving to split");
    const scale = W.scale(Math.max(...bars.map((bar) => Math.max(Math.abs(bar.from), Math.abs(bar.to)))), kind);
    const [low, high] = W.extent([0, ...bars.flatMap((bar) => [bar.from / scale.div, bar.to / scale.div])]);
    const small = width < 560;
    const left = small ? 118 : 150;
    // Room beside the longest bar for its text.
    const [wide, words] = [width - left - 16, small ? 88 : 156];
    const air = ((high - low) * words) / (wide - words) || 1;
    const listed = [...bars].reverse();
    const text = (bar) => `${bar.part === "interaction" ? T.signed(bar.saving, kind) : W.say(bar.saving, kind)}${whole > 0 && !small ? ` (${W.say(bar.saving / whole, "share")})` : ""}`;
    const data = listed.map((bar, at) => ({ value: [bar.from / scale.div, bar.to / scale.div, at], bar }));
    return {
      answer: answer(of, whole, kind),
      height: 92 + bars.length * 48,
      option: {
        grid: { left, right: 16, top: 34, bottom: 48 },
        xAxis: { type: "value", min: low < 0 ? low * 1.05 : 0, max: high + air, axisLine: { onZero: false }, name: `Saving${small ? "" : " against full service at the baseline's place"}, ${scale.unit}${W.year ? " a year" : ""}`, nameGap: 28, axisLabel: { formatter: (v) => W.num(v), showMinLabel: low >= 0, showMaxLabel: false } },
        yAxis: { type: "category", data: listed.map((bar) => PARTS[bar.part]), axisTick: { show: false }, axisLine: { show: false }, axisLabel: { color: theme.ink, fontSize: 12 } },
        tooltip: { trigger: "item" },
        series: [{
          type: "custom", encode: { x: [0, 1], y: 2 }, data,
          renderItem: (params, api) => step(api, listed, params.dataIndex, text, scale, theme),
          tooltip: { formatter: (event) => tip(event.data.bar, rows, kind, whole) },
          markLine: { silent: true, symbol: "none", animation: false, lineStyle: { color: theme.baseline, type: "dashed", width: 1.5 }, label: { formatter: () => "baseline", color: theme.muted, fontSize: 11, position: "end" }, data: [{ xAxis: 0 }] },
        }],
      },
      notes: [
        `The contracts of class ${W.klass(rows[0].class)} on offer together, in one placement.`,
        "The first two bars stand one after the other, as if their savings added up; the interaction is what is missing from that sum or comes on top, and leads to the saving of both together.",
        "Where a far region is already clean, a degraded request saves less there: the two are partly rivals. Where degraded service opens a place that full service cannot reach, they help each other.",
      ],
      columns: Object.keys(rows[0]), rows: rows.map((row) => Object.values(row)),
    };
  }

  // Each bar begins where the one before ends; the last one begins at zero again.
  function steps(of) {
    const out = [];
    let edge = 0;
    for (const part of ["geography", "tiers", "interaction"]) {
      const saving = of(part);
      if (saving == null) continue;
      out.push({ part, saving, from: edge, to: edge + saving });
      edge += saving;
    }
    const both = of("both");
    return both == null ? out : [...out, { part: "both", saving: both, from: 0, to: both }];
  }

  function step(api, listed, at, text, scale, theme) {
    const bar = listed[at];
    const [x0, y] = api.coord([api.value(0), at]);
    const [x1] = api.coord([api.value(1), at]);
    const tall = 24;
    const fill = { geography: "#56b4e9", tiers: theme.plan, interaction: bar.saving < 0 ? theme.user : theme.baseline, both: theme.ink }[bar.part];
    const children = [{ type: "rect", shape: { x: Math.min(x0, x1), y: y - tall / 2, width: Math.max(1.5, Math.abs(x1 - x0)), height: tall }, style: { fill } }];
    if (at > 0) {
      const [, below] = api.coord([0, at - 1]);
      const x = api.coord([bar.to / scale.div, at])[0];
      children.push({ type: "line", shape: { x1: x, y1: y + tall / 2, x2: x, y2: below - tall / 2 }, style: { stroke: theme.muted, lineWidth: 1 } });
    }
    const right = Math.max(x0, x1);
    children.push({ type: "text", x: right + 6, y, style: { text: text(bar), fill: theme.ink, fontSize: 12, verticalAlign: "middle", fontWeight: bar.part === "both" ? 600 : 400 } });
    return { type: "group", children };
  }

  function answer(of, whole, kind) {
    const both = of("both");
    const of_ = whole > 0 ? `, ${W.say(Math.abs(both) / whole, "share")} of the baseline's ${kind === "usd" ? "cost" : "carbon"}` : "";
    const parts = ["geography", "tiers"].filter((part) => of(part) != null).map((part) => `${part} alone ${W.say(of(part), kind)}`);
    const shared = of("interaction");
    const head = both == null ? "Saved" : `Geography and tiers together ${both < 0 ? "add" : "save"} ${W.say(Math.abs(both), kind)} ${W.period}${of_}`;
    const rest = shared == null || Math.abs(shared) < 1e-9 * Math.abs(both || 1) ? "" : shared < 0 ? `; together they save ${W.say(-shared, kind)} less than the sum` : `; together they save ${W.say(shared, kind)} more than the sum`;
    return `${head}: ${parts.join(", ")}${rest}.`;
  }

  function tip(bar, rows, kind, whole) {
    const row = rows.find((one) => one.part === bar.part) || {};
    return W.tip(PARTS[bar.part], [
      ["Saving", T.signed(bar.saving, kind)], ...(whole > 0 ? [["of the baseline", W.say(bar.saving / whole, "share")]] : []),
      ...(row.cost_usd == null ? [] : [["Cost", W.say(row.cost_usd, "usd")]]), ...(row.carbon_kg == null ? [] : [["Carbon", W.say(row.carbon_kg, "kg")]]),
    ]);
  }

  T.figure("tier-split", { controls, draw });
})(window.Wattlas);
