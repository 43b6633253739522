// Which policy would have been best? What each costs, or emits, more than the best one or another.
(function (W) {
  "use strict";

  const KINDS = {
    cost: { label: "Cost", unit: "usd", verb: "costs" },
    carbon: { label: "Carbon", unit: "kg", verb: "emits" },
  };
  const named = () => W.rows("replay_policies").find((row) => row.against != null);

  const controls = [
    () => ({ key: "of", label: "Of", kind: "choice", options: Object.entries(KINDS).map(([key, kind]) => [key, kind.label]) }),
    () => ({ key: "over", label: "Over", kind: "choice", options: [["regret", "the best"], ...(named() ? [["against", named().against]] : [])] }),
  ];

  function draw(state, theme) {
    const kind = KINDS[state.of];
    const value = `${state.over}_${state.of}_${kind.unit}`;
    const half = `${state.over}_${state.of}_half_${kind.unit}`;
    const every = W.rows("replay_policies");
    const rows = every.filter((row) => row[value] != null).sort((a, b) => b[value] - a[value]);
    const refused = every.filter((row) => row.reason != null);
    const best = rows.length ? rows[0][`best_${state.of}`] : null;
    const reference = state.over === "regret" ? best : named().against;
    const scale = W.scale(Math.max(0, ...rows.map((row) => Math.abs(row[value]))), kind.unit);
    const others = rows.filter((row) => row.policy !== reference);
    // What lies within its interval of nothing is no difference that the seeds show.
    const alike = others.filter((row) => row[half] != null && Math.abs(row[value]) <= row[half]);
    const apart = others.filter((row) => !alike.includes(row));
    const near = apart.at(-1);
    const far = apart[0];
    const seeds = rows.length ? rows[0].seeds : 1;
    const missed = rows.filter((row) => row.unserved > 0);
    const colour = (row) => (row.policy === best ? theme.plan : row.policy === "nearest" ? theme.baseline : theme.muted);
    const more = (row) => `${row.policy} ${kind.verb} ${W.say(Math.abs(row[value]), kind.unit)} ${row[value] < 0 ? "less" : "more"}`;
    return {
      answer: others.length ? `Of ${rows.length} policies on the same requests, ${best} ${kind.verb} least.${alike.length ? ` Within their intervals ${alike.map((row) => row.policy).reverse().join(", ")} cannot be told from ${reference}.` : ""}${near ? ` Against ${reference}, ${more(near)}${far !== near ? `, and ${more(far)}` : ""}.` : ""}` : "One policy alone was replayed.",
      height: 90 + 30 * rows.length,
      option: {
        grid: { left: 8, right: 24, top: 8, bottom: 44, containLabel: true },
        xAxis: { type: "value", name: `${kind.label} above ${state.over === "regret" ? "the best policy" : reference}, ${scale.unit}`, nameGap: 26, axisLabel: { formatter: (v) => W.num(v) } },
        yAxis: { type: "category", data: rows.map((row) => row.policy), axisLabel: { interval: 0, width: 150, overflow: "truncate" } },
        series: [
          { type: "bar", barMaxWidth: 16, data: rows.map((row) => ({ value: row[value] / scale.div, itemStyle: { color: colour(row) } })) },
          {
            type: "custom", silent: true, z: 5,
            data: rows.map((row, at) => (row[half] == null ? null : [at, (row[value] - row[half]) / scale.div, (row[value] + row[half]) / scale.div])).filter(Boolean),
            encode: { x: [1, 2], y: 0 },
            renderItem: (_params, api) => {
              const [from, to] = [1, 2].map((side) => api.coord([api.value(side), api.value(0)]));
              const line = (x1, y1, x2, y2) => ({ type: "line", shape: { x1, y1, x2, y2 }, style: { stroke: theme.ink, lineWidth: 1.2 } });
              return { type: "group", children: [line(...from, ...to), line(from[0], from[1] - 4, from[0], from[1] + 4), line(to[0], to[1] - 4, to[0], to[1] + 4)] };
            },
          },
        ],
        tooltip: { trigger: "axis", axisPointer: { type: "shadow" }, formatter: (items) => tip(rows[items[0].dataIndex], kind, value, half) },
      },
      notes: [
        "Every policy saw the same requests; differences are taken seed by seed.",
        ...(seeds > 1 ? [`Whiskers are 95 % intervals of the mean difference over ${W.num(seeds)} seeds.`] : []),
        ...missed.map((row) => `${row.policy} left ${W.num(row.unserved)} of ${W.num(row.requests)} requests unserved.`),
        ...refused.map((row) => `${row.policy} cannot be followed here: ${row.reason}.`),
      ],
      columns: Object.keys(every[0]), rows: every.map((row) => Object.values(row)),
    };
  }

  const tip = (row, kind, value, half) =>
    W.tip(row.policy, [
      ["Cost", W.say(row.cost_usd, "usd")], ["Carbon", W.say(row.carbon_kg, "kg")], ["Difference", `${W.say(row[value], kind.unit)}${row[half] == null ? "" : ` ± ${W.say(row[half], kind.unit)}`}`],
      ["Over budget", W.say(row.late_share, "share")], ["Unserved", W.num(row.unserved)],
      ...(row.movable_usd == null ? [] : [["Movable energy", W.say(row.movable_usd, "usd")], ["Movable carbon", W.say(row.movable_kg, "kg")]]),
    ]);

  W.figure("replay-regret", { controls, draw });
})(window.Wattlas);
